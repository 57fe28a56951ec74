"""Both ends of a long deflated member, without what lies between them: what a video says of itself stands there.

A deflate stream can only be read from its beginning, but for the blocks it consists of (RFC 1951, 3.2.3): each has
its own codes, and looks back 32 KiB at most. So its end is unpacked from the first place at which a block may begin and
from which all blocks follow each other up to the stream's last bit. The 32 KiB before are not known; it is unpacked
after zeros and once more after ones, and what comes out alike does not depend on them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from zlib_ng import zlib_ng

from services.media.inspect.inflate import Inflated
from services.media.inspect.source import BLOCK, Blocks, Source, exactly

REACH: Final = 4 * 2**20
"""Bytes at either end that can be read."""
SEARCH: Final = 128 * 2**10
"""Packed bytes in which a block has to begin: some ten blocks as most programs write them."""
SETTLE: Final = 256 * 2**10
"""Packed bytes after which hardly anything looks back, by others in between, at what is not known."""
STEP: Final = 16 * 2**10
"""Bytes searched at once for each of the eight bits a block may begin at."""
TRIED: Final = (2**12, 2**16)
"""Packed bytes a place is tried with, one after the other, before all of them; a quarter at least has to come out."""
HEADER_SIZE: Final = 10
"""Bytes in which a block says how its codes are written."""
PLACES: Final = 100_000
"""Places looked at; honest streams have some 60,000 that look like a block's first bits."""
TRIALS: Final = 500
"""Places tried; of honest streams some 200."""
ATTEMPTS: Final = 8
"""Places from which everything is unpacked; mostly one is enough."""
MOST: Final = 4 * REACH
"""Bytes unpacked of an end."""
WINDOW: Final = 2**15
ZEROS, ONES = bytes(WINDOW), b"\xff" * WINDOW

FIRST, SECOND, THIRD = (
    re.escape(bytes(filter(fits, range(256))))
    for fits in (
        lambda byte: byte & 7 == 0b100 and byte >> 3 <= 29,
        lambda byte: byte & 31 <= 29,
        lambda byte: byte & 1,
    )
)
HEADER: Final = re.compile(b"(?=[%b][%b][%b])" % (FIRST, SECOND, THIRD))
"""A block that is not the last and has codes of its own: of no more than 286 literals and lengths and 30 distances, and
12 lengths or more for the code they are written in, as wherever lengths up to 4 occur."""
SHARES: Final = [sum(128 >> (codes >> at & 7) for at in (0, 3, 6, 9) if codes >> at & 7) for codes in range(2**12)]
"""Of all there can be, in parts of 128, what four code lengths take up."""


EMPTY: Final = "0 10 0000000".replace(" ", "")
"""A block that holds nothing, bit by bit: not the last, of the codes that are fixed, and its end."""
EMPTY_ODD: Final = f"0 01 00000 00000 0111 000 110 100 010 {13 * '000'} 110 0 1111111 0 1101011 110 10 0".replace(
    " ", ""
)
"""The same of an odd number of bits: 256 literals without a code, the end with one, no distance, and the end."""


def _nothing(bits: int) -> tuple[int, int]:
    """Empty blocks that end so many bits into a byte, as a number, and how many bytes come before that."""
    said = EMPTY_ODD if bits % 2 else ""
    said += (bits - len(said)) % 8 // 2 * EMPTY
    return int("0" + said[::-1], 2), len(said) // 8


NOTHING: Final = tuple(map(_nothing, range(8)))


class OutOfReach(Exception):
    """What was asked for lies too far from both ends, or the end could not be unpacked: read everything instead."""


class Ends:
    """The source that a deflate stream stands for, as far as it can be had without reading it all."""

    def __init__(self, packed: Source, size: int) -> None:
        self._packed, self.size = packed, size
        self._front = Blocks(Inflated(packed, size), kept=REACH // BLOCK)
        self._back: Back | None = None

    async def read(self, start: int, length: int) -> bytes:
        if start + length <= REACH:
            return await self._front.read(start, length)
        if not self._back:
            self._back = await self._unpack(self.size - start)
        return self._back.read(start - self.size + self._back.size, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        yield await self.read(start, length)

    async def _unpack(self, wanted: int) -> "Back":
        """The end, `wanted` bytes of it at least."""
        length = min(wanted + SETTLE + SEARCH, self._packed.size)
        if wanted > REACH:
            raise OutOfReach(f"{wanted} B")
        packed = await exactly(self._packed, self._packed.size - length, length)
        back = await asyncio.to_thread(unpack_end, packed)
        if not back:
            raise OutOfReach("no block found")
        return back


@dataclass(frozen=True, slots=True)
class Back:
    """The last bytes of what a stream holds, unpacked after zeros and after ones."""

    zeros: bytes
    ones: bytes

    @property
    def size(self) -> int:
        return len(self.zeros)

    def read(self, start: int, length: int) -> bytes:
        """Bytes that are certain. OutOfReach where some are not."""
        data = self.zeros[max(start, 0) : start + length]
        if start < 0 or data != self.ones[start : start + length]:
            raise OutOfReach("looks back at what is not known")
        return data


def unpack_end(packed: bytes) -> Back | None:
    """What the last bytes of a deflate stream unpack to, from the first block found in them; None where none is."""
    likely = (start for start in islice(_starts(packed), TRIALS) if _is_likely(packed, start))
    for start in islice(likely, ATTEMPTS):
        rest = _from(packed, *start)
        zeros, ones = _to_the_end(rest, ZEROS), _to_the_end(rest, ONES)
        if zeros and ones:
            return Back(zeros, ones)
    return None


def _starts(packed: bytes) -> Iterator[tuple[int, int]]:
    """Where a block may begin: byte and bit. Of one that is stored the byte after its first bits, and -1."""
    yield from ((at, -1) for at in _stored(packed[:SEARCH]))
    looked = 0
    for begin in range(0, min(SEARCH, len(packed)), STEP):
        for bit in range(8):
            data = _moved(packed[begin : begin + STEP + HEADER_SIZE], bit)
            for match in HEADER.finditer(data, 0, STEP):
                looked += 1
                if looked > PLACES:
                    return
                if _has_codes(data[match.start() + 1 : match.start() + HEADER_SIZE]):
                    yield begin + match.start(), bit


def _moved(data: bytes, bits: int) -> bytes:
    """Data whose first bits are left out, so that a header which began behind them begins with a byte."""
    return (int.from_bytes(data, "little") >> bits).to_bytes(len(data), "little")


def _stored(packed: bytes) -> Iterator[int]:
    """Where a length of two bytes is followed by its complement."""
    number = int.from_bytes(packed, "little")
    both = (number ^ number >> 16).to_bytes(len(packed), "little")
    at = both.find(b"\xff\xff", 1, -2)
    while at > 0:
        yield at
        at = both.find(b"\xff\xff", at + 1, -2)


def _has_codes(header: bytes) -> bool:
    """Whether the lengths of the code that a block's codes are written in make a complete code; `header` from its
    second byte on."""
    bits = int.from_bytes(header, "little") >> 5
    lengths = bits >> 4 & (1 << 3 * (4 + (bits & 15))) - 1
    return sum(SHARES[lengths >> at & 4095] for at in range(0, 57, 12)) == 128


def _from(packed: bytes, at: int, bit: int, length: int | None = None) -> bytes:
    """A stream that begins at a place, every bit where it was in its byte; or with the stored block whose length is
    there."""
    data = packed[at:] if length is None else packed[at : at + length]
    if bit < 0:
        return b"\0" + data
    number, whole = NOTHING[bit]
    return (data[0] >> bit << bit + 8 * whole | number).to_bytes(whole + 1, "little") + data[1:]


def _is_likely(packed: bytes, start: tuple[int, int]) -> bool:
    """Whether a place is the beginning of something that goes on."""
    for length in TRIED:
        data = _from(packed, *start, length)
        try:
            out = zlib_ng.decompressobj(-zlib_ng.MAX_WBITS, zdict=ZEROS).decompress(data, 4 * length)
        except zlib_ng.error:  # type: ignore[misc] # its stubs call the class an instance
            return False
        if len(out) < length // 4:
            return False
    return True


def _to_the_end(data: bytes, window: bytes) -> bytes | None:
    """What comes out after a window, where the stream ends with the data's last byte."""
    inflater = zlib_ng.decompressobj(-zlib_ng.MAX_WBITS, zdict=window)
    try:
        out = inflater.decompress(data, MOST)
    except zlib_ng.error:  # type: ignore[misc] # its stubs call the class an instance
        return None
    return out if inflater.eof and not inflater.unused_data else None
