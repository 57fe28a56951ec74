"""Bytes that can be read in place: the protocol every store offers, and views that parsers read through."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final, Protocol

from services.media.inspect.models import Damaged

BLOCK: Final = 64 * 2**10
"""Bytes fetched at least by one ranged read: a zip directory, or the head of an mp4, in one request."""
KEPT: Final = 256
"""Blocks a cache keeps: 16 MiB."""


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


class Blocks:
    """Reads a source by whole blocks and keeps the latest, so that many small reads cost few requests."""

    def __init__(self, source: Source, block: int = BLOCK, kept: int = KEPT) -> None:
        self._source, self._block, self._kept = source, block, kept
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
        self._keep(dict(zip(range(first, last + 1), parts, strict=True)))
        offset = start - first * self._block
        return b"".join(parts)[offset : offset + length]

    def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        return self._source.stream(start, length)

    async def _load(self, first: int, last: int) -> dict[int, bytes]:
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
