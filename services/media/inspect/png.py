"""Reads a PNG: its size from its header, and all of it to see whether it is whole (ISO/IEC 15948)."""

import asyncio
import struct
from typing import Final, NamedTuple

from zlib_ng import zlib_ng

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.decode import Budget
from services.media.inspect.models import Damaged, Fault, Image
from services.media.inspect.source import Source, exactly

START: Final = 8
"""Bytes of the signature."""
HEADER: Final = struct.Struct(">L4sLL5BL")
CHUNK: Final = struct.Struct(">L4s")
CRC: Final = 4
STEP: Final = 2**20
SAMPLES: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples of a pixel, by the kind of colour (11.2.2)."""
DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
PALETTE: Final = 3
WHOLE: Final = ((0, 1, 0, 1),)
LACED: Final = ((0, 8, 0, 8), (4, 8, 0, 8), (0, 4, 4, 8), (2, 4, 0, 4), (0, 2, 2, 4), (1, 2, 0, 2), (0, 1, 1, 2))
"""The passes a picture comes in: first column, every so many, first row, every so many (8.2)."""
PACKED_MOST: Final = 1040
"""How many times its size a deflate stream may inflate to at most."""


class Header(NamedTuple):
    """What a PNG says of itself: its size, bits of a pixel, whether it needs a palette, its passes."""

    size: Pixels
    bits: int
    palette: bool
    passes: tuple[tuple[int, int, int, int], ...]

    @property
    def unpacked(self) -> int:
        """Bytes of all its rows, each with the byte before it that says how it is filtered."""
        total = 0
        for left, across, top, down in self.passes:
            width = -(-(self.size.width - left) // across)
            height = -(-(self.size.height - top) // down)
            total += height * (1 + -(-width * self.bits // 8)) if width > 0 and height > 0 else 0
        return total


async def read_png(source: Source) -> Image:
    """The picture a PNG shows. Damaged where its header is none, or tells of more than its bytes can hold."""
    return Image((await _header(source)).size)


async def png_decodes(source: Source, name: str | None, budget: Budget) -> Fault | None:
    """Whether all of a PNG is there and can be inflated, as far as the budget suffices for it: what is left out then is
    only what its bytes mean. A byte of its rows counts as a pixel."""
    try:
        header = await _header(source)
        if budget.affords(header.unpacked):
            await _prove(source, header)
    except Damaged as damage:
        return Fault(damage.code, damage.measured, name)
    return None


async def _header(source: Source) -> Header:
    data = await exactly(source, START, HEADER.size)
    length, kind, width, height, depth, colour, _, _, laced, crc = HEADER.unpack(data)
    if (length, kind) != (13, b"IHDR") or crc != zlib_ng.crc32(data[4:-CRC]) or not width or not height:
        raise Damaged("damaged", f"IHDR {width}x{height}")
    if depth not in DEPTHS.get(colour, ()) or laced > 1:
        raise Damaged("damaged", f"IHDR {depth} / {colour} / {laced}")
    size = Pixels(width, height)
    header = Header(size, depth * SAMPLES[colour], colour == PALETTE, LACED if laced else WHOLE)
    if width * height > bounds.PIXELS or header.unpacked > min(bounds.INFLATED, PACKED_MOST * source.size):
        raise Damaged("bomb", f"{width}x{height}, {source.size} B")
    return header


async def _prove(source: Source, header: Header) -> None:
    rows, palette, at = Rows(header.unpacked), False, START
    for _ in range(bounds.BOXES):
        length, kind = CHUNK.unpack(await exactly(source, at, CHUNK.size))
        at += CHUNK.size
        if at + length + CRC > source.size:
            raise Damaged("truncated", f"{kind.decode('latin-1')} @{at} + {length} > {source.size} B")
        if not kind[0] & 0x20:  # a lower-case letter: a picture does without it
            await _critical(source, at, length, kind, rows)
        palette = palette or kind == b"PLTE"
        at += length + CRC
        if kind == b"IEND":
            rows.require()
            if header.palette and not palette:
                raise Damaged("undecodable", "PNG, no PLTE")
            return
    raise Damaged("absurd", f"> {bounds.BOXES} chunks")


async def _critical(source: Source, at: int, length: int, kind: bytes, rows: "Rows") -> None:
    """A chunk that has to be right."""
    crc = zlib_ng.crc32(kind)
    for start in range(at, at + length, STEP):
        piece = await exactly(source, start, min(STEP, at + length - start))
        crc = zlib_ng.crc32(piece, crc)
        if kind == b"IDAT":
            await asyncio.to_thread(rows.add, piece)
    if crc != int.from_bytes(await exactly(source, at + length, CRC), "big"):
        raise Damaged("undecodable", f"PNG, {kind.decode('latin-1')} @{at}: CRC")


class Rows:
    """Counts what the picture's data inflates to; no more than its size takes."""

    def __init__(self, unpacked: int) -> None:
        self._inflater = zlib_ng.decompressobj()
        self._asked = self._left = unpacked

    def add(self, packed: bytes) -> None:
        """Go on with the next packed bytes."""
        try:
            while packed and self._left and not self._inflater.eof:
                self._left -= len(self._inflater.decompress(packed, min(self._left, STEP)))
                packed = self._inflater.unconsumed_tail
        except zlib_ng.error as error:  # type: ignore[misc] # its stubs call the class an instance
            raise Damaged("undecodable", f"PNG: {error}") from error

    def require(self) -> None:
        """Damaged where there was less than the picture takes."""
        if self._left:
            raise Damaged("undecodable", f"PNG, {self._asked - self._left} / {self._asked} B")
