"""Stamped forms as scans: where a studio puts them, and what lies there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from chassis.objects import ObjectChanged, ObjectMissing, ObjectStore
from chassis.problems import Unavailable
from contracts.ids import Sha256, StudioId
from services.registration.certification.models import Scan, StoredScan

LINK_S = 900
HEAD = 1024
"""How far into a file readers look for a PDF's header."""


class Scans:
    """The scans of all studios. A key names its studio and the content's hash, so what lies there can be proven."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._there = False

    def key(self, studio: StudioId, sha256: Sha256) -> str:
        """Where the scan of a studio with these bytes belongs."""
        return f"certification/{studio}/{sha256}.pdf"

    async def upload_link(self, key: str) -> str:
        """A URL the scan can be PUT to for fifteen minutes."""
        if not self._there:
            with _reached():
                await self._store.ensure_bucket()
            self._there = True
        return self._store.presign_put(key, LINK_S)

    def link(self, scan: Scan) -> str:
        """A URL the scan can be read at for fifteen minutes."""
        return self._store.presign_get(scan.key, LINK_S, f"{scan.sha256[:8]}.pdf")

    async def look(self, key: str, largest: int) -> StoredScan | None:
        """What lies at a key; None where nothing does. More than `largest` bytes are not read."""
        with _reached():
            try:
                stat = await self._store.stat(key)
                if stat.size > largest:
                    return StoredScan(key, stat.size, stat.etag, None, b"")
                digest, head = hashlib.sha256(), b""
                async for piece in self._store.stream(key, etag=stat.etag):
                    head = head or piece[:HEAD]
                    digest.update(piece)
            except ObjectMissing:
                return None
        return StoredScan(key, stat.size, stat.etag, digest.hexdigest(), head)

    async def is_unchanged(self, scan: Scan) -> bool:
        """Whether the checked bytes still lie there."""
        with _reached():
            try:
                now = await self._store.stat(scan.key)
            except ObjectMissing:
                return False
        return now.etag == scan.etag


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except (ConnectionError, ObjectChanged) as error:
        raise Unavailable(f"the object store did not answer for good: {error}") from error
