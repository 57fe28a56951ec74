"""Reads a JPEG's size as shown, from its markers alone (ITU-T T.81, Annex B; Exif 2.3 for the orientation)."""

import struct
from typing import Final

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.models import Damaged, Image
from services.media.inspect.source import Source, exactly

FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Start-of-frame markers of every kind of coding."""
END, SCAN, APP1, FILL = 0xD9, 0xDA, 0xE1, 0xFF
ALONE: Final = frozenset({0x01, FILL, *range(0xD0, 0xD9)})
"""Markers that no length follows."""
ORIENTATION: Final = 0x0112
TURNED: Final = frozenset({5, 6, 7, 8})
"""Orientations that lay the picture on its side."""
TAIL: Final = 64 * 2**10
"""Bytes at the end of a file in which the end of the picture is looked for; some cameras append data."""


async def read_jpeg(source: Source) -> Image:
    """The picture a JPEG shows. Damaged where it has no frame, no scan or no end, or is larger than any camera's."""
    size, turned, at = Pixels(0, 0), False, 2
    for _ in range(bounds.PICTURE_SEGMENTS):
        marker = await _marker(source, at)
        at += 1 if marker == FILL else 2
        if marker == END or at > bounds.PICTURE_HEADER:
            raise Damaged("damaged", f"FF{marker:02X} @{at - 2}")
        if marker in ALONE:
            continue
        length = int.from_bytes(await exactly(source, at, 2), "big")
        if length < 2:
            raise Damaged("damaged", f"FF{marker:02X} @{at - 2}")
        if marker == SCAN and size.width:
            await _check_end(source, at + length)
            return _image(size, turned)
        if marker in FRAMES:
            size = _size(await exactly(source, at + 2, min(length - 2, 5)))
        elif marker == APP1:
            turned = turned or _orientation(await exactly(source, at + 2, length - 2)) in TURNED
        at += length
    raise Damaged("absurd", f"SOS > {at}")


async def _marker(source: Source, at: int) -> int:
    """The marker at a place; FILL where another byte of fill comes first."""
    lead, marker = await exactly(source, at, 2)
    if lead != 0xFF or marker == 0x00:
        raise Damaged("damaged", f"{lead:02X}{marker:02X} @{at}")
    return marker


def _size(frame: bytes) -> Pixels:
    if len(frame) < 5:
        raise Damaged("damaged", "SOF")
    height, width = struct.unpack_from(">HH", frame, 1)
    if not width or not height:
        raise Damaged("damaged", f"{width}x{height}")
    if width * height > bounds.PIXELS:
        raise Damaged("bomb", f"{width}x{height}")
    return Pixels(width, height)


async def _check_end(source: Source, scan: int) -> None:
    start = max(scan, source.size - TAIL)
    if start >= source.size or b"\xff\xd9" not in await exactly(source, start, source.size - start):
        raise Damaged("truncated", f"EOI, {source.size} B")


def _image(size: Pixels, turned: bool) -> Image:
    return Image(Pixels(size.height, size.width) if turned else size)


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
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
        if tag == ORIENTATION and kind == 3:
            return int(value)
    return 1
