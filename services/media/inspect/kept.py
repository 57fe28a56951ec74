"""What is kept of a file that passes by once, so that measuring it needs no second reading."""

import asyncio
import io
import tempfile
from bisect import bisect_right
from collections.abc import AsyncIterator
from typing import IO, Final, Self

from services.media.inspect import bounds
from services.media.inspect.disk import CHUNK
from services.media.inspect.formats import MOVIES, format_of
from services.media.inspect.source import Source

IN_MEMORY: Final = 32 * 2**20
"""Unpacked bytes that need no file."""
SMALL: Final = 8 * 2**20
"""Files up to this are kept whole: documents, pictures."""
FIRST: Final = 2**20
"""Bytes kept of the beginning of larger ones."""
HEAD: Final = 16
"""Bytes that tell what box begins and where it ends (ISO/IEC 14496-12, 4.2)."""
INDEX: Final = frozenset({b"moov", b"moof"})
"""The boxes of a movie that are kept; its samples are thrown away."""


class Keeper:
    """Sees the bytes of one file in order and keeps those its measuring reads, `room` bytes at most."""

    def __init__(self, size: int, room: int) -> None:
        self._size, self._room = size, room
        self._at = self._box = 0
        self._boxes = bounds.BOXES
        self._start = 0
        self._data = bytearray()
        self._until: int | None = min(size, SMALL) if size <= min(SMALL, room) else min(FIRST, room)
        self.spans: list[tuple[int, bytearray]] = []
        self.kept = 0
        """Bytes kept so far."""

    def see(self, chunk: bytes | memoryview) -> None:
        """Look at the bytes that follow the last ones seen."""
        begin, self._at = self._at, self._at + len(chunk)
        while self._until is not None:
            after = self._start + len(self._data)
            if not self.spans or self.spans[-1][1] is not self._data:
                self.spans.append((self._start, self._data))
            more = chunk[max(0, after - begin) : max(0, self._until - begin)]
            self._data += more
            self.kept += len(more)
            if self._start + len(self._data) < self._until:
                return
            self._until = self._following()

    def _following(self) -> int | None:
        """Up to where the next bytes worth keeping go, now that those before are there; None where there are none."""
        if not self._box and format_of(bytes(self._data[:HEAD]), "") not in MOVIES:
            return None
        while self._boxes and self._box + HEAD <= self._size:
            at = self._box - self._start
            if at + HEAD > len(self._data):
                return self._want(self._box, self._box + HEAD)
            self._boxes -= 1
            size, kind = _box(self._data, at)
            end = self._box + (size or self._size - self._box)
            if end < self._box + 8 or end > self._size:
                return None
            start, self._box = self._box, end
            if kind in INDEX and end > self._start + len(self._data):
                return self._want(start, end)
        return None

    def _want(self, start: int, end: int) -> int | None:
        """Keep a part too, joined to the last one where they touch; None where there is no room left."""
        if self.kept + end - start > self._room:
            return None
        if start > self._start + len(self._data):
            self._start, self._data = start, bytearray()
        return end


def _box(data: bytearray, at: int) -> tuple[int, bytes]:
    """A box's size, 0 for all that is left, and its kind."""
    size, kind = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8])
    return (int.from_bytes(data[at + 8 : at + HEAD], "big") or -1) if size == 1 else size, kind


class Kept:
    """A source of which parts are at hand; what is asked for beside them is read from where it lies."""

    def __init__(self, source: Source, keeper: Keeper) -> None:
        self._source, self._spans = source, keeper.spans
        self.size = source.size

    async def read(self, start: int, length: int) -> bytes:
        span = bisect_right(self._spans, start, key=lambda each: each[0]) - 1
        if span >= 0:
            begin, data = self._spans[span]
            if start + length <= begin + len(data):
                return bytes(data[start - begin : start - begin + length])
        return await self._source.read(start, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        if self._spans and self._spans[0][0] + len(self._spans[0][1]) >= start + length:
            yield await self.read(start, length)
            return
        async for chunk in self._source.stream(start, length):
            yield chunk


class Spool:
    """What was unpacked, one member after the other, `declared` bytes at most: in memory where that is little, in an
    unlinked file otherwise."""

    def __init__(self, declared: int) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile() if declared > IN_MEMORY else io.BytesIO()  # noqa: SIM115 # closed by its own block
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Go on. OSError where the disk is full."""
        self._file.seek(self.size)
        self._file.write(data)
        self.size += len(data)

    def clear(self) -> None:
        """Begin again."""
        self._file.seek(0)
        self._file.truncate()
        self.size = 0

    async def read(self, start: int, length: int) -> bytes:
        return await asyncio.to_thread(self._read, start, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        for at in range(start, start + length, CHUNK):
            yield await self.read(at, min(CHUNK, start + length - at))

    def _read(self, start: int, length: int) -> bytes:
        self._file.seek(start)
        return self._file.read(length)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


class Beginning:
    """A member of which only the first bytes were kept."""

    def __init__(self, first: bytes, size: int) -> None:
        self._first, self.size = first, size

    async def read(self, start: int, length: int) -> bytes:
        if start + length > len(self._first):
            raise LookupError(f"{start}+{length}: only {len(self._first)} of {self.size} bytes were kept")
        return self._first[start : start + length]

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        yield await self.read(start, length)
