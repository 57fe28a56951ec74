"""Tries whole photographs in djpeg, which runs in a jail of its own; one of 12 megapixels takes some 40 ms of CPU.

Of a photograph it does not complain of, its exit says enough. Of others it is asked for all it has to say, since it
tells its first complaint alone otherwise, and for the picture, of which rows may not have come.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.media.inspect import bounds
from services.media.inspect.child import Limits, child, run
from services.media.inspect.decode import Budget
from services.media.inspect.images import Frame, read_frame
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.phrases import pixels
from services.media.inspect.scans import SCANS, Scan, read_scans, unfinished
from services.media.inspect.source import Source
from services.media.inspect.watching import in_bounds

PHOTO_LIMITS: Final = Limits(cpu=4, wall=60.0, memory=2**30, output=2**24, errors=2**24)
QUICKLY: Final = ("-fast", "-scale", "1/8", "-maxscans", str(SCANS), "-pnm")
EVERYTHING: Final = ("-verbose",) * 3
"""Makes djpeg tell every complaint."""
SAID: Final = 100
"""Letters that are told of why it gave up; they are all its own."""
KEEPING: Final = 6
"""Passes over a picture that it takes to keep it in memory, as one of several scans has to be."""
DENSE: Final = 3
"""Pixels a byte counts as."""
WARNED: Final = 2
"""What djpeg ends with where it could go on after a fault."""
HARMLESS: Final = (b"extraneous bytes before marker", b"bad ICC marker", b"unknown JFIF revision",
                   b"Invalid SOS parameters for sequential", b"Unknown Adobe color transform")  # fmt: skip
"""Complaints of what every viewer takes no notice of, such as what cameras leave between segments."""
COMPLAINTS: Final = (b"Corrupt JPEG data: ", b"Premature end of JPEG file", b"Inconsistent progression sequence",
                     b"Warning: ", *HARMLESS)  # fmt: skip
"""How its complaints begin; what else it tells is what it found."""
CUT: Final = b"Premature end of JPEG file"
PNM: Final = re.compile(rb"P([56])\n(\d+) (\d+)\n255\n")
EMPTY: Final = frozenset({0x3F, 0x40, 0x80})
"""What djpeg writes for what never came, where a picture is coded as brightness or light, or as ink."""
NOTICEABLE: Final = 50
"""One row in so many may be missing."""


@dataclass
class Complaints:
    """What djpeg complains of, told in lines. A comment inside the picture is told too, so that a picture may complain
    of itself, and nothing it says takes a complaint back."""

    harmless: bool = False
    harmful: bool = False
    cut: bool = False
    _rest: bytes = b""

    def hear(self, told: bytes) -> None:
        """Go on with what it tells next."""
        *lines, self._rest = (self._rest + told).split(b"\n")
        for line in lines:
            if line.startswith(COMPLAINTS):
                known = any(words in line for words in HARMLESS)
                self.harmless, self.harmful = self.harmless or known, self.harmful or not known
                self.cut = self.cut or line.startswith(CUT)

    @property
    def none(self) -> bool:
        """Whether all it ended with a warning for was harmless."""
        return self.harmless and not self.harmful


async def photo_decodes(source: Source, name: str | None, budget: Budget) -> Fault | None:
    """Whether all of a JPEG can be decoded, as far as the budget suffices for it. OSError where the decoder is missing,
    the machine too busy or the store away: no verdict then."""
    try:
        await _prove(source, budget)
    except Damaged as damage:
        return Fault(damage.code, damage.measured, name)
    return None


async def _prove(source: Source, budget: Budget) -> None:
    frame = await read_frame(source)
    scans = () if frame.at_once else await read_scans(source, frame)
    if (cost := _price(frame, scans, source.size)) > bounds.PICTURE:
        raise Damaged("absurd", f"{pixels(frame.size)}, {len(scans)} 遍 scans, {source.size} B")
    if not frame.at_once and unfinished(frame, scans):
        raise Damaged("truncated", f"{len(scans)} 遍 scans, 未完 unfinished")
    if budget.affords(cost):
        await _decode(source)


def _price(frame: Frame, scans: Sequence[Scan], length: int) -> int:
    """Pixels a photograph counts as."""
    passes = 1 if frame.at_once else KEEPING + len(scans)
    return frame.size.width * frame.size.height * passes + DENSE * length


async def _decode(source: Source) -> None:
    whole = source.stream(0, source.size)
    done = await run("djpeg", *QUICKLY, "-outfile", "/dev/null", limits=PHOTO_LIMITS, stdin=whole)
    in_bounds(done.end)
    if done.end.ok:
        return
    if (done.end.how, done.end.code) != ("exit", WARNED):
        raise Damaged("undecodable", f"JPEG: {(done.end.errors.splitlines() or [done.end.measured])[-1][:SAID]}")
    await _look_closer(source)


async def _look_closer(source: Source) -> None:
    """Damaged where anything is wrong with a photograph the decoder got through, by how much of it is there."""
    complaints, whole = Complaints(), source.stream(0, source.size)
    told = child("djpeg", *EVERYTHING, *QUICKLY, limits=PHOTO_LIMITS, stdin=whole, hears=complaints.hear)
    async with told as running:
        picture = b"".join([chunk async for chunk in running.output()])
        end = await running.end()
    if end.how == "overrun":
        raise Damaged("undecodable", "JPEG")
    in_bounds(end)
    if complaints.none:
        return
    rows, missing = _rows(picture)
    if missing * NOTICEABLE > rows:
        raise Damaged("truncated", f"只有 only {100 * (rows - missing) // rows} %")
    raise Damaged("truncated" if complaints.cut else "flawed", f"{source.size} B" if complaints.cut else "JPEG")


def _rows(picture: bytes) -> tuple[int, int]:
    """Rows of a decoded picture, and how many of them never came."""
    head = PNM.match(picture)
    if head is None:
        return 1, 1
    width, rows = int(head[2]) * (3 if head[1] == b"6" else 1), int(head[3])
    starts = range(head.end(), head.end() + rows * width, width)
    return rows, sum(picture[at] in EMPTY and picture.count(picture[at], at, at + width) == width for at in starts)
