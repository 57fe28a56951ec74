"""Bytes that can be read in place: the protocol every store offers, and views that parsers read through."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final, Protocol

from services.media.inspect.models import Damaged

BLOCK: Final = 64 * 2**10
"""Bytes fetched at least by one ranged read: a zip directory, or the head of an mp4, in one request."""
KEPT: Final = 256
"""Blocks a cache keeps: 16 MiB."""
GAP: Final = 5
"""Blocks between what is asked for and what is known already that are fetched along with it: the index of a video lies
between its samples and the directory of the zip, so that it comes in one request."""
AHEAD: Final = 4 * 2**20
"""The most bytes fetched at once: a request takes a store some 4 ms of its core, however few bytes it is for."""


class Source(Protocol):
    """An unchanging sequence of bytes, readable anywhere. A range inside `size` comes whole or raises what went wrong
    with the store; such an error is never a verdict about the bytes."""

    @property
    def size(self) -> int:
        """Length in bytes."""
        ...

    async def read(self, start: int, length: int) -> bytes:
        """Exactly the bytes `[start, start + length)`; asked only inside `[0, size)`."""
        ...

    def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        """The same bytes in order, in chunks as they come."""
        ...


class CutShort(OSError):
    """The store gave fewer bytes than it holds: a fault of the platform, not of the package."""


async def exactly(source: Source, start: int, length: int) -> bytes:
    """The bytes a file's own structure points at. Damaged where it points outside the file."""
    if start < 0 or length < 0 or start + length > source.size:
        raise Damaged("truncated", f"{start}+{length} > {source.size} B")
    data = await source.read(start, length)
    if len(data) != length:
        raise CutShort(f"asked for {length} bytes at {start}, got {len(data)}")
    return data


async def head(source: Source, length: int) -> bytes:
    """The first bytes, as many as there are up to `length`."""
    return await exactly(source, 0, min(length, source.size))


class Slice:
    """A part of a source as a source of its own: a stored member inside an archive."""

    def __init__(self, source: Source, start: int, size: int) -> None:
        self._source, self._start, self.size = source, start, size

    async def read(self, start: int, length: int) -> bytes:
        return await self._source.read(self._start + start, length)

    def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        return self._source.stream(self._start + start, length)


class Ahead:
    """Reads a source in order by requests that double as it goes on, and elsewhere for no more than is asked for."""

    def __init__(self, source: Source) -> None:
        self._source, self.size = source, source.size
        self._start, self._kept = 0, memoryview(b"")

    async def read(self, start: int, length: int) -> memoryview:
        """The bytes `[start, start + length)`. Damaged outside the source."""
        end = self._start + len(self._kept)
        if start < self._start or start + length > end:
            goes_on = self._start <= start <= end
            most = max(length, min(2 * len(self._kept), AHEAD, self.size - start)) if goes_on else length
            self._start, self._kept = start, memoryview(await exactly(self._source, start, most))
        at = start - self._start
        return self._kept[at : at + length]


class Blocks:
    """Reads a source by whole blocks and keeps the latest, so that many small reads cost few requests."""

    def __init__(self, source: Source, block: int = BLOCK, kept: int = KEPT) -> None:
        self._source, self._block, self._kept = source, max(block, 1), kept
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.size = source.size
        self.requests = 0
        self.fetched = 0

    async def read(self, start: int, length: int) -> bytes:
        if length <= 0:
            return b""
        first, last = start // self._block, (start + length - 1) // self._block
        if last - first >= self._kept:
            return await self._fetch(start, length)
        missing = [number for number in range(first, last + 1) if number not in self._blocks]
        fresh = await self._load(missing[0], missing[-1]) if missing else {}
        parts = [fresh[number] if number in fresh else self._blocks[number] for number in range(first, last + 1)]
        self._keep(fresh | dict(zip(range(first, last + 1), parts, strict=True)))
        offset = start - first * self._block
        return b"".join(parts)[offset : offset + length]

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        if self.size <= self._block:
            yield await self.read(start, length)
            return
        async for chunk in self._source.stream(start, length):
            yield chunk

    async def fetch_ends(self, length: int) -> None:
        """Fetch both ends at once: what a file is stands at its beginning, where a zip's members are at its end."""
        if self.size <= 2 * max(length, self._block):
            await self.read(0, self.size)
        else:
            await asyncio.gather(self.read(0, length), self.read(self.size - length, length))

    async def _load(self, first: int, last: int) -> dict[int, bytes]:
        known = min((number for number in self._blocks if number > last), default=first + GAP + 1)
        last = known - 1 if known - first <= GAP else last
        start = first * self._block
        data = await self._fetch(start, min((last + 1) * self._block, self.size) - start)
        pieces = range(0, len(data), self._block)
        return {first + at // self._block: data[at : at + self._block] for at in pieces}

    async def _fetch(self, start: int, length: int) -> bytes:
        data = await self._source.read(start, length)
        self.requests += 1
        self.fetched += len(data)
        if len(data) != length:
            raise CutShort(f"asked for {length} bytes at {start}, got {len(data)}")
        return data

    def _keep(self, blocks: dict[int, bytes]) -> None:
        for number, data in blocks.items():
            self._blocks[number] = data
            self._blocks.move_to_end(number)
        while len(self._blocks) > self._kept:
            self._blocks.popitem(last=False)
