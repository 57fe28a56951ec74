"""Packages in the object store: received in parts, read in place, handed out by short-lived links."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import BinaryIO

from chassis.objects import ObjectChanged, ObjectMissing, ObjectStore, Part
from chassis.refusal import Refused
from contracts.events.media import StoredObject
from contracts.ids import MaterialId, Sha256
from services.media.models import Form, StoredPart, Unfinished, Whole

PREFIX = "material/"
"""What was handed in lies under it; the bucket may hold other things."""
PUBLISHED = "published/"
"""What is shown: `published/<material>/<hash>`."""


INCOMING = "incoming/"
"""What forms sent and nobody took over yet, by the rest of its key."""


class Packages:
    """The part of the object store that holds packages. Raises ConnectionError while the store is out of reach."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.prepare = store.ensure_bucket
        self.answers = store.answers
        self.allow_browsers = store.allow_browsers

    async def begin(self, key: str) -> str:
        """Begin an upload in parts; returns its id."""
        return await self._store.create_multipart(key)

    def part_url(self, key: str, upload: str, number: int, size: int, lasts: timedelta) -> str:
        """Where one part of exactly `size` bytes may be PUT to, for a while."""
        return self._store.presign_part(key, upload, number, size, int(lasts.total_seconds()))

    def form(self, key: str, size: int, lasts: timedelta) -> Form:
        """Where a file that is one part may be sent by a form instead; it becomes the object when it is taken over."""
        return Form(*self._store.presign_form(_posted(key), size, int(lasts.total_seconds())))

    async def posted(self, key: str) -> Whole | None:
        """What a form sent."""
        return await self.find(_posted(key))

    async def take_over(self, key: str, posted: Whole) -> None:
        """Make the object of what a form sent: nothing that is sent to the form later can change it."""
        try:
            await self._store.copy(posted.object.key, posted.object.etag, key)
        except ObjectChanged as error:  # it was sent again this moment
            raise ConnectionError(str(error)) from error
        except ObjectMissing:  # somebody took it over in between, which the look that follows will show
            return

    async def parts(self, key: str, upload: str) -> tuple[StoredPart, ...] | None:
        """The parts that have come, one sent again perhaps twice; None where the upload is over."""
        try:
            found = await self._store.list_parts(key, upload)
        except ObjectMissing:
            return None
        return tuple(StoredPart(part.number, part.size, part.etag, part.modified) for part in found)

    async def seal(self, key: str, upload: str, parts: Sequence[StoredPart]) -> None:
        """Make one object of the listed parts; done before is fine."""
        try:
            await self._store.complete_multipart(key, upload, [Part(p.number, p.etag, p.size) for p in parts])
        except ObjectMissing:  # somebody sealed it in between, which the look that follows will show
            return

    async def find(self, key: str) -> Whole | None:
        """The whole object, pinned as it is now; None where there is none."""
        try:
            found = await self._store.stat(key)
        except ObjectMissing:
            return None
        pinned = StoredObject(bucket=self._store.bucket, key=key, etag=found.etag, version=found.version)
        return Whole(pinned, found.size, found.modified)

    async def discard(self, key: str, upload: str | None) -> None:
        """Leave nothing under a key: neither parts nor object."""
        if upload is not None:
            await self.give_up(key, upload)
        await self._store.remove(_posted(key))
        await self._store.remove(key)

    async def forget(self, key: str, upload: str) -> None:
        """Drop parts and form of an object that was made."""
        await self.give_up(key, upload)
        await self._store.remove(_posted(key))

    async def give_up(self, key: str, upload: str) -> None:
        """Drop the parts of an upload; one that is over is fine."""
        try:
            await self._store.abort_multipart(key, upload)
        except ObjectMissing:
            return

    async def unfinished(self) -> tuple[Unfinished, ...]:
        """Every upload in parts that is neither completed nor given up."""
        return tuple(Unfinished(up.key, up.upload_id, up.begun_at) for up in await self._store.list_uploads(PREFIX))

    async def older_than(self, moment: datetime, prefix: str = PREFIX) -> tuple[str, ...]:
        """The keys of objects that were complete before an instant."""
        found = await self._store.list(prefix)
        return tuple(item.key for item in found if item.modified is not None and item.modified < moment)

    async def posted_before(self, moment: datetime) -> Mapping[str, str]:
        """What forms sent before an instant and nobody took over: where each lies, by the key it was sent for."""
        return {PREFIX + key.removeprefix(INCOMING): key for key in await self.older_than(moment, INCOMING)}

    async def link(self, pinned: StoredObject, lasts: timedelta, name: str) -> str:
        """Where the object can be read for a while. Refused where it is no longer the one that was received."""
        found = await self.find(pinned.key)
        if found is None or found.object.etag != pinned.etag:
            raise changed(pinned)
        return self._store.presign_get(pinned.key, int(lasts.total_seconds()), name)

    async def publish(
        self, material: MaterialId, digest: Sha256, file: BinaryIO, size: int, media_type: str
    ) -> StoredObject:
        """Keep a file that is to be shown under its hash, pinned as the store took it."""
        kept = await self._store.put(f"{PUBLISHED}{material}/{digest}", file, size, media_type)
        return StoredObject(bucket=self._store.bucket, key=kept.key, etag=kept.etag, version=kept.version)

    async def public_link(self, pinned: StoredObject, lasts: timedelta) -> str | None:
        """Where a published file can be read for a while; None where what lies there is not what was published."""
        found = await self.find(pinned.key)
        if found is None or found.object.etag != pinned.etag:
            return None
        return self._store.presign_get(pinned.key, int(lasts.total_seconds()))

    def source(self, pinned: StoredObject, size: int) -> "PinnedSource":
        """The bytes as they were when they came whole, for reading in place."""
        return PinnedSource(self._store, pinned, size)


class PinnedSource:
    """An object's bytes by ranges, of the pinned ETag alone: a swapped object is Refused, an outage raises, and so does
    a store that does not know the object, as one may for a moment that is just coming back."""

    def __init__(self, store: ObjectStore, pinned: StoredObject, size: int) -> None:
        self._store, self._pinned, self.size = store, pinned, size

    async def read(self, start: int, length: int) -> bytes:
        """Exactly the bytes asked for."""
        with self._pin():
            data = await self._store.read(self._pinned.key, start, length, self._pinned.etag)
        return self._complete(data, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        """The same bytes in order, over one request."""
        got = 0
        with self._pin():
            async for piece in self._store.stream(self._pinned.key, start, length, self._pinned.etag):
                got += len(piece)
                yield piece
        if got != length:
            raise ConnectionError(f"the store gave {got} bytes of {length}")

    @contextmanager
    def _pin(self) -> Iterator[None]:
        try:
            yield
        except ObjectChanged:
            raise changed(self._pinned) from None
        except ObjectMissing as error:
            raise ConnectionError(f"the store does not have {self._pinned.key}: {error}") from error

    @staticmethod
    def _complete(data: bytes, length: int) -> bytes:
        if len(data) != length:
            raise ConnectionError(f"the store gave {len(data)} bytes of {length}")
        return data


def _posted(key: str) -> str:
    return INCOMING + key.removeprefix(PREFIX)


def changed(pinned: StoredObject) -> Refused:
    """The bytes are not those that were received: a fault of the platform that a person has to look into."""
    return Refused(
        409,
        "object_changed",
        "平台中保存的文件与上传时不一致，已停止使用，请联系技术支持。",
        "The stored bytes are not those that were uploaded; they are not used any further. Please contact support.",
        object=pinned.key,
        expected=pinned.etag,
    )
