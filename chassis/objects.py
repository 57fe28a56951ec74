"""Files in any S3 store: the minio SDK behind async calls on a few threads, with short timeouts.

The SDK's multipart calls are underscored though long stable; the presigned ones have no other way to begin
and complete an upload whose parts somebody else sends.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, BinaryIO, TypeVar
from urllib.parse import quote, urlsplit
from xml.sax.saxutils import escape

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import ListMultipartUploadsResult, PostPolicy
from minio.datatypes import Part as MinioPart
from minio.error import MinioException, S3Error

from chassis.logs import log
from chassis.presigning import Presigner

T = TypeVar("T")
REGION = "us-east-1"
THREADS = 8
CHUNK = 4 << 20
PUT_PART = 16 << 20
PAGE = 1000
"""The most entries a store gives in one answer."""
GONE = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound"})


class ObjectMissing(Exception):
    """The store answered that there is no such object or upload."""


class ObjectChanged(Exception):
    """The object is not the one that was pinned: its ETag differs."""


@dataclass(frozen=True)
class Part:
    """A part the store has: its number from 1, its ETag, its size in bytes, when it came."""

    number: int
    etag: str
    size: int
    modified: datetime | None = None


@dataclass(frozen=True)
class Stat:
    """What the store says of an object."""

    key: str
    size: int
    etag: str
    version: str | None
    modified: datetime | None


@dataclass(frozen=True)
class Upload:
    """An upload in parts that was begun and neither completed nor aborted."""

    key: str
    upload_id: str
    begun_at: datetime


class ObjectStore:
    """One bucket. URLs are signed for `public_endpoint`, where people reach the store; calls go to `endpoint`.

    Raises ObjectMissing or ObjectChanged where the store says so, and ConnectionError for everything that may pass.
    """

    def __init__(self, endpoint: str, public_endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        self.bucket = bucket
        self._client = _client(endpoint, access_key, secret_key)
        self._signer = _client(public_endpoint, access_key, secret_key)
        self._public = public_endpoint.rstrip("/")
        self._presigner = Presigner(self._public, access_key, secret_key, REGION)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="s3")

    async def ensure_bucket(self) -> None:
        """Create the bucket unless it is there."""
        if not await self._call(self._client.bucket_exists, self.bucket):
            await self._call(self._client.make_bucket, self.bucket)

    async def create_multipart(self, key: str, content_type: str = "application/octet-stream") -> str:
        """Begin an upload in parts; returns its upload id."""
        return await self._call(self._client._create_multipart_upload, self.bucket, key, {"Content-Type": content_type})

    def presign_part(self, key: str, upload_id: str, number: int, size: int, expires_s: int) -> str:
        """A URL one part of exactly `size` bytes can be PUT to."""
        which = {"partNumber": str(number), "uploadId": upload_id}
        return self._presigner.put(f"/{self.bucket}/{key}", which, size, expires_s, datetime.now(UTC))

    def presign_put(self, key: str, expires_s: int) -> str:
        """A URL a whole small file can be PUT to."""
        return self._signer.get_presigned_url("PUT", self.bucket, key, timedelta(seconds=expires_s))

    def presign_get(self, key: str, expires_s: int, name: str | None = None) -> str:
        """A URL the object can be read at, by ranges too; `name` is what a browser saves it as."""
        disposition = {"response-content-disposition": f"attachment; filename*=UTF-8''{quote(name)}"} if name else None
        return self._signer.get_presigned_url(
            "GET", self.bucket, key, timedelta(seconds=expires_s), extra_query_params=dict(disposition or {})
        )

    def presign_form(self, key: str, size: int, expires_s: int) -> tuple[str, dict[str, str]]:
        """Where a browser's form may POST one file of exactly `size` bytes, and the fields to send before the file.

        The store itself refuses every other size (S3's POST policy, `content-length-range`)."""
        policy = PostPolicy(self.bucket, datetime.now(UTC) + timedelta(seconds=expires_s))
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(size, size)
        fields = self._signer.presigned_post_policy(policy)
        return f"{self._public}/{self.bucket}/", {"key": key, **fields}

    async def copy(self, source: str, etag: str, target: str) -> None:
        """Make `target` of the pinned object, inside the store. ObjectChanged where it is another one by now."""
        pinned = CopySource(self.bucket, source, match_etag=etag)
        await self._call(self._client.copy_object, self.bucket, target, pinned)

    async def allow_browsers(self, origins: Sequence[str]) -> None:
        """Let pages of these origins send and read files, and no others; a store without this says so in the log."""
        try:
            await self._call(self._client._execute, "PUT", self.bucket, **_cors(origins))
        except ConnectionError as error:
            if "NotImplemented" not in str(error):
                raise
            log().warning("cors_not_supported", bucket=self.bucket)

    async def list_parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts the store has, by number; SeaweedFS lists a part that was sent again once for each content."""
        parts: list[Part] = []
        marker: str | None = None
        while True:
            page = await self._call(self._client._list_parts, self.bucket, key, upload_id, part_number_marker=marker)
            parts += [
                Part(part.part_number, part.etag.strip('"'), part.size or 0, part.last_modified) for part in page.parts
            ]
            if not page.is_truncated:
                return parts
            marker = str(page.next_part_number_marker)

    async def complete_multipart(self, key: str, upload_id: str, parts: Sequence[Part]) -> str:
        """Make one object of the parts; returns its ETag."""
        made = [MinioPart(part.number, part.etag) for part in parts]
        result = await self._call(self._client._complete_multipart_upload, self.bucket, key, upload_id, made)
        return str(result.etag).strip('"')

    async def abort_multipart(self, key: str, upload_id: str) -> None:
        """Give up an upload and its parts."""
        await self._call(self._client._abort_multipart_upload, self.bucket, key, upload_id)

    async def list_uploads(self, prefix: str) -> Sequence[Upload]:
        """Every unfinished upload under a prefix, asked for page by page."""
        uploads: list[Upload] = []
        after: dict[str, str | None] = {}
        while True:
            page = await self._call(
                self._client._list_multipart_uploads, self.bucket, prefix=prefix, max_uploads=PAGE, **after
            )
            uploads += [
                Upload(str(up.object_name), str(up.upload_id), up.initiated_time)
                for up in page.uploads
                if up.initiated_time
            ]
            after = {"key_marker": page.next_key_marker, "upload_id_marker": _next_upload(page)}
            if not page.is_truncated or not any(after.values()):
                return uploads

    async def stat(self, key: str) -> Stat:
        """Size, ETag and version of an object."""
        found = await self._call(self._client.stat_object, self.bucket, key)
        return Stat(key, found.size or 0, (found.etag or "").strip('"'), found.version_id, found.last_modified)

    async def read(self, key: str, start: int, length: int, etag: str | None = None) -> bytes:
        """`length` bytes from `start`, fewer at the end; of the pinned object alone where `etag` is given."""
        return await self._call(self._read, key, start, length, etag)

    async def stream(
        self, key: str, start: int = 0, length: int | None = None, etag: str | None = None
    ) -> AsyncIterator[bytes]:
        """The object's bytes from `start` in order, in pieces of up to 4 MiB, over one request."""
        answer = await self._call(self._open, key, start, length or 0, etag)
        try:
            while piece := await self._call(answer.read, CHUNK):
                yield piece
        finally:
            answer.close()
            answer.release_conn()

    async def put(self, key: str, file: BinaryIO, size: int, content_type: str) -> Stat:
        """Store `size` bytes of a file from its beginning, in parts where it is large; what the store made of them."""
        file.seek(0)
        made = await self._call(self._client.put_object, self.bucket, key, file, size, content_type, part_size=PUT_PART)
        return Stat(key, size, (made.etag or "").strip('"'), made.version_id, made.last_modified)

    async def remove(self, key: str) -> None:
        """Delete an object; one that is not there is fine."""
        await self._call(self._client.remove_object, self.bucket, key)

    async def list(self, prefix: str) -> list[Stat]:
        """Every object under a prefix."""
        found = await self._call(lambda: list(self._client.list_objects(self.bucket, prefix, recursive=True)))
        return [
            Stat(
                str(item.object_name), item.size or 0, (item.etag or "").strip('"'), item.version_id, item.last_modified
            )
            for item in found
        ]

    async def answers(self) -> None:
        """Raise while the store is out of reach: a readiness check."""
        await self._call(self._client.bucket_exists, self.bucket)

    def _open(self, key: str, start: int, length: int, etag: str | None) -> Any:
        headers = {"If-Match": f'"{etag}"'} if etag else None
        answer = self._client.get_object(self.bucket, key, start, length, request_headers=dict(headers or {}))
        if etag and answer.headers.get("ETag", "").strip('"') != etag:
            answer.close()
            raise ObjectChanged(key)
        return answer

    def _read(self, key: str, start: int, length: int, etag: str | None) -> bytes:
        if length == 0:
            return b""
        answer = self._open(key, start, length, etag)
        try:
            return bytes(answer.data)
        finally:
            answer.release_conn()

    async def _call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **kwargs))
        except S3Error as error:
            if error.code in GONE:
                raise ObjectMissing(f"{error.code}: {error.object_name}") from error
            if error.code == "PreconditionFailed":
                raise ObjectChanged(str(error.object_name)) from error
            raise ConnectionError(f"the object store refused: {error.code} {error.message}") from error
        except (MinioException, urllib3.exceptions.HTTPError) as error:
            raise ConnectionError(f"the object store is out of reach: {error!r}"[:300]) from error


def _client(endpoint: str, access_key: str, secret_key: str) -> Minio:
    url = urlsplit(endpoint)
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=2, read=15), maxsize=THREADS, retries=urllib3.Retry(total=1, backoff_factor=0.1)
    )
    return Minio(url.netloc, access_key, secret_key, secure=url.scheme == "https", region=REGION, http_client=pool)


def _next_upload(page: ListMultipartUploadsResult) -> str | None:
    """Where the next page begins, which the SDK (7.2.20) keeps under a name of its own; SeaweedFS says nothing else."""
    return page.next_upload_id_marker or vars(page).get("self._next_upload_id_marker")


def _cors(origins: Sequence[str]) -> dict[str, Any]:
    """The body and headers of PutBucketCors, which the SDK does not have."""
    allowed = "".join(f"<AllowedOrigin>{escape(origin)}</AllowedOrigin>" for origin in origins)
    methods = "".join(f"<AllowedMethod>{method}</AllowedMethod>" for method in ("GET", "HEAD", "PUT", "POST"))
    rule = f"{allowed}{methods}<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
    aged = "<MaxAgeSeconds>3600</MaxAgeSeconds>"
    body = f"<CORSConfiguration><CORSRule>{rule}{aged}</CORSRule></CORSConfiguration>".encode()
    digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    return {"body": body, "headers": {"Content-MD5": digest}, "query_params": {"cors": ""}}
