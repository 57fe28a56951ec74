"""Reads a JPEG's size as shown, from its markers alone (ITU-T T.81, Annex B; Exif 2.3 for the orientation)."""

import re
import struct
from typing import Final, NamedTuple

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds, phrases
from services.media.inspect.models import Damaged, Image
from services.media.inspect.source import Source, exactly

FRAMES: Final = (frozenset(range(0xC0, 0xD0)) | {0xF7}) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers of every kind of coding."""
END, SCAN, APP1, FILL = 0xD9, 0xDA, 0xE1, 0xFF
ALONE: Final = frozenset({0x01, FILL, *range(0xD0, 0xD9)})
"""Markers that no length follows."""
ORIENTATION: Final = 0x0112
NUMBERS: Final = {3: "H", 4: "I", 8: "h", 9: "i"}
"""How Exif writes whole numbers: the orientation is to be the first kind, and viewers read it in any."""
PROGRESSIVE: Final = 0xC2
FRAME: Final = 6 + 3 * 4
"""Bytes of a frame's header that are read: four colours at most."""
USUAL: Final = frozenset({0xC0, 0xC1, PROGRESSIVE})
"""Frames that viewers and browsers decode: baseline, extended, progressive; 8 bits, Huffman coded."""
RARE: Final = {0xC3: "lossless", 0xC9: "arithmetic", 0xCA: "arithmetic", 0xCB: "arithmetic", 0xF7: "JPEG-LS"}
MARKER: Final = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
STRAY: Final = 64 * 2**10
"""Bytes between two segments at most."""
EOI: Final = b"\xff\xd9"
BLOCK: Final = 64
"""Pixels coded together."""
TURNED: Final = frozenset({5, 6, 7, 8})
"""Orientations that lay the picture on its side."""
TAIL: Final = 64 * 2**10
"""Bytes at the end of a file in which the end of the picture is looked for; some cameras append data."""


class Frame(NamedTuple):
    """What a JPEG's headers say of its picture: the size it is coded in, how, in which colours, whether viewers lay it
    on its side, where its first scan's marker is, and of how many colours that is."""

    size: Pixels
    coding: int
    colours: bytes
    turned: bool = False
    scan: int = 0
    brought: int = 0

    @property
    def at_once(self) -> bool:
        """Whether one scan brings all of it."""
        return self.coding != PROGRESSIVE and self.brought == len(self.colours)


async def read_jpeg(source: Source) -> Image:
    """The picture a JPEG shows. Damaged where it has no frame, no scan or no end, is larger than any camera's, or coded
    as no browser decodes it."""
    size, turned = (frame := await read_frame(source)).size, frame.turned
    _refuse_bomb(size, source.size)
    await _check_end(source, frame.scan + 2 + await _length(source, frame.scan + 2))
    return Image(Pixels(size.height, size.width) if turned else size)


async def read_frame(source: Source) -> Frame:
    """What the headers say, up to the first scan."""
    frame, turned, at = None, False, 2
    for _ in range(bounds.PICTURE_SEGMENTS):
        marker, at = await _marker(source, at)
        if at > bounds.PICTURE_HEADER:
            raise Damaged("absurd", f"头部 header > {phrases.size(bounds.PICTURE_HEADER)}")
        if marker == END:
            raise Damaged("damaged", f"FF{marker:02X} @{at - 2}")
        if marker in ALONE:
            continue
        length = await _length(source, at)
        if length < 2:
            raise Damaged("damaged", f"FF{marker:02X} @{at - 2}")
        if marker == SCAN and frame:
            return frame._replace(turned=turned, scan=at - 2, brought=(await exactly(source, at + 2, 1))[0])
        if marker in FRAMES:
            frame = _frame(marker, await exactly(source, at + 2, min(length - 2, FRAME)))
        elif marker == APP1:
            turned = turned or _orientation(await exactly(source, at + 2, length - 2)) in TURNED
        at += length
    raise Damaged("absurd", f"> {bounds.PICTURE_SEGMENTS} 段 segments")


async def _length(source: Source, at: int) -> int:
    return int.from_bytes(await exactly(source, at, 2), "big")


async def _marker(source: Source, at: int) -> tuple[int, int]:
    """The marker at a place, FILL where another byte of fill comes first, and where to go on. What some cameras leave
    between segments is skipped, as every viewer does."""
    lead, marker = await exactly(source, at, 2)
    if lead != FILL or marker == 0x00:
        found = MARKER.search(await exactly(source, at, min(STRAY, source.size - at)))
        if found is None:
            raise Damaged("damaged", f"{lead:02X}{marker:02X} @{at}")
        return found[0][1], at + found.end()
    return marker, at + (1 if marker == FILL else 2)


def _frame(marker: int, frame: bytes) -> Frame:
    if len(frame) < 6:
        raise Damaged("damaged", "SOF")
    bits, height, width, colours = struct.unpack_from(">BHHB", frame)
    if marker not in USUAL:
        raise Damaged("coding", RARE.get(marker, "hierarchical"))
    if bits != 8 or colours not in (1, 3, 4):
        raise Damaged("coding", f"{bits} bit × {colours}")
    if not width or not height:
        raise Damaged("damaged", f"{width}x{height}")
    if width * height > bounds.PIXELS:
        raise Damaged("bomb", f"{width}x{height}")
    return Frame(Pixels(width, height), marker, frame[6::3])


def _refuse_bomb(size: Pixels, length: int) -> None:
    """Every block of 8 by 8 takes a bit at least (F.1.2.1): a picture of more was made to fill a viewer's memory."""
    if size.width * size.height > BLOCK * 8 * length:
        raise Damaged("bomb", f"{size.width}x{size.height}, {length} B")


async def _check_end(source: Source, scan: int) -> None:
    """Phones put whole films after the picture: where its end is not near the end of the file, all of it is read."""
    start = max(scan, source.size - TAIL)
    if start < source.size and EOI in await exactly(source, start, source.size - start):
        return
    last = b""
    async for chunk in source.stream(min(scan, source.size), max(0, start - scan)):
        if EOI in last + chunk:
            return
        last = chunk[-1:]
    raise Damaged("truncated", f"EOI, {source.size} B")


def _orientation(segment: bytes) -> int:
    """The orientation an Exif segment gives; 1 where it gives none or is not to be understood, as viewers do."""
    tiff = segment[6:] if segment.startswith(b"Exif\0\0") else b""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return 1
    at = int(struct.unpack_from(order + "I", tiff, 4)[0])
    count = struct.unpack_from(order + "H", tiff, at)[0] if at + 2 <= len(tiff) else 0
    for index in range(count):
        entry = at + 2 + 12 * index
        if entry + 12 > len(tiff):
            break
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if tag == ORIENTATION and kind in NUMBERS:
            return int(struct.unpack_from(order + NUMBERS[kind], tiff, entry + 8)[0])
    return 1
