"""Reads what the scans of a JPEG say of themselves, without decoding them (ITU-T T.81, B.2.3 and G.1)."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.media.inspect import bounds
from services.media.inspect.images import END, PROGRESSIVE, SCAN, Frame
from services.media.inspect.models import Damaged
from services.media.inspect.source import Ahead, Source

SCANS: Final = 100
"""Scans of a picture; honest ones have some ten, and each is another pass over all of it."""
MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]", re.DOTALL)
"""What ends the data of a scan, in which others only say where to start anew."""
PIECE: Final = 2**20
COEFFICIENTS: Final = 64


class Scan(NamedTuple):
    """What a scan brings: of which colours, which of their coefficients, and the lowest bit of these."""

    colours: bytes
    first: int
    last: int
    low: int


async def read_scans(source: Source, frame: Frame) -> Sequence[Scan]:
    """The scans up to the picture's end, or as far as there are any. Damaged where there are too many."""
    view, scans, at = Ahead(source), list[Scan](), frame.scan
    for _ in range(bounds.PICTURE_SEGMENTS):
        found = await _following(view, at)
        if found is None:
            return scans
        marker, at = found
        length = int.from_bytes(await _some(view, at, 2), "big")
        if marker == END or length < 2:
            return scans
        if marker == SCAN:
            scans.append(_scan(frame, await _some(view, at + 2, length - 2)))
        if len(scans) > SCANS:
            raise Damaged("absurd", f"> {SCANS} 遍 scans")
        at += length
    raise Damaged("absurd", f"> {bounds.PICTURE_SEGMENTS} 段 segments")


def unfinished(frame: Frame, scans: Sequence[Scan]) -> bool:
    """Whether anything of the picture is in no scan: one of its colours, or the finer bits of some coefficients."""
    lowest = {colour: [-1] * COEFFICIENTS for colour in frame.colours}
    for scan in scans:
        for colour in filter(lowest.__contains__, scan.colours):
            for coefficient in range(scan.first, min(scan.last + 1, COEFFICIENTS)):
                lowest[colour][coefficient] = scan.low
    return any(any(bits) for bits in lowest.values())


async def _following(view: Ahead, at: int) -> tuple[int, int] | None:
    """The next marker, and where to go on; None where there is none."""
    while at < view.size:
        piece = await _some(view, at, PIECE)
        if found := MARKER.search(piece):
            return found[0][1], at + found.end()
        at += max(1, len(piece) - 1)
    return None


async def _some(view: Ahead, at: int, length: int) -> memoryview:
    """Bytes at a place, as many as there are."""
    return await view.read(min(at, view.size), max(0, min(length, view.size - at)))


def _scan(frame: Frame, header: memoryview) -> Scan:
    """What a scan's header says; that of one that is not progressive is not asked, as no decoder does."""
    count = header[0] if header else 0
    colours, ends = bytes(header[1 : 1 + 2 * count : 2]), bytes(header[1 + 2 * count : 4 + 2 * count])
    if frame.coding != PROGRESSIVE or len(ends) < 3:
        return Scan(colours, 0, COEFFICIENTS - 1, 0)
    return Scan(colours, ends[0], ends[1], ends[2] & 0x0F)
