"""Has every picture of a film and its sound decoded by ffmpeg, in one jailed child that reads it as it is fetched and
writes nothing, and keeps what the decoder says of each.

ffmpeg tells of every picture that comes out, and of whatever it could not make anything of, in the log of one thread,
so in an order that is the same on every run; what its other threads write in between is not looked at. One thread for
each decoder, so that it is the same pictures too.
"""

import asyncio
import errno
import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.child import GATHERS, End, Limits, child
from services.media.inspect.ffmpeg import ONE_FILTER_THREAD, ONE_THREAD, blame
from services.media.inspect.models import Damaged
from services.media.inspect.reel import Reel, feed, wind
from services.media.inspect.source import Source
from services.media.inspect.tools import ToolMissing

CPU: Final = 20
"""Seconds of CPU that a film may take whatever its size."""
PACE: Final = 50_000_000
"""Pixels a second that decoding is at least as fast as on any machine this runs on, bytes aside; here it is five times
as fast."""
DENSE: Final = 2**20
"""Bytes a second, pixels aside; here it is ten times as fast."""
IDLE: Final = 180
"""Seconds for which it may do nothing of its own accord."""
MEMORY: Final = 3 * 2**30
LOG: Final = 2**13
"""Bytes of log a picture or a packet may cause: mostly it is a tenth of that."""
NICE: Final = 10
"""How far it stands back for whoever has a first verdict to give."""
LINE: Final = 2**12
"""Bytes of a line that are looked at."""
TRIES: Final = 8
"""Runs until two tell the same: in one of some hundred a line is torn."""
MISSING, WHOLE, BROKEN = 0, 1, 2
SAID: Final = re.compile(rb"\[dec:[^]\n]*\] (?:decoder -> pts:(\d+) |(corrupt)|(Error subm|Decoding err))")
SUM: Final = re.compile(rb"Input stream #0:(\d) [^\n]*; (\d+) frames decoded; ")
"""Each begins with letters that are found quickly: most of the log is passed over."""
SIZED: Final = re.compile(
    rb"input from stream 0:0 [^]\n]*\] w:(\d+) h:(\d+) |\[vf#[^]\n]*\] filter_raw -> pts:(\d+) ",
)
GRAPH: Final = b"input from stream 0:0 "
"""What tells of a new size of the pictures."""
TORN: Final = re.compile(rb"(?<!\] )(?:decoder -> pts:|corrupt decoded|Error subm|Decoding err|w:\d+ h:)")
"""Of a line that lost its beginning, since another thread was in the middle of one of its own."""
HEARD: Final = re.compile(rb"^0, +-?\d+, +(-?\d+), +(\d+),|^#tb 0: 1/(\d+)", re.MULTILINE)


@dataclass
class Lines:
    """A stream of text cut into whole lines."""

    _rest: bytes = b""

    def whole(self, chunk: bytes) -> bytes:
        """The lines that are whole by now."""
        text, end, rest = (self._rest + chunk).rpartition(b"\n")
        self._rest = rest[:LINE]
        return text + end


@dataclass
class Pictures:
    """What became of each picture, by its place among those shown; how often the decoder refused one."""

    became: bytearray
    sizes: list[tuple[int, Pixels]] = field(default_factory=list)
    """How large they are, from which of them on."""
    frames: int = 0
    shown: int = 0
    refused: int = 0
    _broken: bool = field(default=False, compare=False)
    _next: Pixels | None = field(default=None, compare=False)
    _lines: Lines = field(default_factory=Lines, compare=False)
    sound_frames: int = 0
    sound_refused: int = 0
    finished: bool = False
    """Whether the decoder came to the end of the film."""
    torn: bool = field(default=False, compare=False)

    @property
    def told(self) -> bool:
        """Whether the log is whole, as far as it goes."""
        return not self.torn and (self.shown == self.frames or not self.finished)

    def hear(self, chunk: bytes) -> None:
        """Take in what it said next."""
        text = self._lines.whole(chunk)
        self.torn = self.torn or TORN.search(text) is not None
        for said in SAID.finditer(text):
            begin = text.rfind(b"\n", 0, said.start()) + 1
            self._take(text[begin : begin + 5], *said.groups())
        for sized in SIZED.findall(text) if self._next or GRAPH in text else ():
            self._resize(*sized)
        for summed in SUM.finditer(text):
            self._sum_up(summed[1] == b"0", int(summed[2]))

    def _take(self, of: bytes, shown: bytes | None, broken: bytes | None, refused: bytes | None) -> None:
        if of == b"[vist":
            self._picture(shown, broken)
            self.refused += bool(refused)
        elif of == b"[aist":
            self.sound_refused += bool(refused or broken)

    def _resize(self, width: bytes, height: bytes, place: bytes) -> None:
        """A new size is told just before the first picture that has it."""
        if width:
            self._next = Pixels(int(width), int(height))
        elif self._next:
            self.sizes.append((int(place), self._next))
            self._next = None

    def _sum_up(self, seen: bool, frames: int) -> None:
        if seen:
            self.frames, self.finished = frames, True
        else:
            self.sound_frames = frames

    def _picture(self, shown: bytes | None, broken: bytes | None) -> None:
        """A picture that is broken is said to be so just before it is shown."""
        if shown is None:
            self._broken = self._broken or broken is not None
            return
        place = int(shown)
        self.shown += 1
        if place < len(self.became):
            self.became[place] = BROKEN if self._broken else WHOLE
        self._broken = False


@dataclass
class Sound:
    """What came out of the sound: from when to when nothing did, in seconds."""

    gaps: list[tuple[float, float]] = field(default_factory=list)
    end: float = 0.0
    _rate: int = 1
    _lines: Lines = field(default_factory=Lines, compare=False)

    def hear(self, chunk: bytes) -> None:
        """Take in what came out next."""
        for said in HEARD.finditer(self._lines.whole(chunk)):
            begins, lasts, rate = said.groups()
            if rate:
                self._rate = int(rate)
                continue
            start = int(begins) / self._rate
            if start > self.end + NOTICED and len(self.gaps) < bounds.FINDINGS:
                self.gaps.append((self.end, start))
            self.end = max(self.end, start + int(lasts) / self._rate)


NOTICED: Final = 0.005
"""Seconds that sound may be late without a gap: rounding."""


class Watched(NamedTuple):
    """All that came of a film; no `sound` where its sound kept the decoder from beginning."""

    pictures: Pictures
    sound: Sound | None

    @property
    def flawless(self) -> bool:
        """Whether nothing in it can be held against the film."""
        seen, heard = self.pictures, self.sound
        whole = seen.finished and not seen.refused and seen.became.count(WHOLE) == len(seen.became)
        whole = whole and len(seen.sizes) == 1
        return whole and not seen.sound_refused and not (heard and heard.gaps)


async def watch(source: Source, reel: Reel, nice: int = NICE) -> Watched:
    """Decode a film. Damaged where it takes more than it may; OSError where the decoder is missing or was ended by the
    machine, or speaks another language than this one: no verdict then."""
    watched = await _surely(source, reel, nice)
    if watched.pictures.finished or len(reel.strips) == 1:
        return watched
    silent = wind(reel.strips[0].track, None, reel.cost)
    return Watched((await _surely(source, silent, nice)).pictures, None)


async def _surely(source: Source, reel: Reel, nice: int) -> Watched:
    """Decode until the log is whole, and of a film that is not until two runs tell the same: a line that got lost is no
    verdict."""
    before: Watched | None = None
    for _ in range(TRIES):
        watched = await _run(source, reel, nice)
        silenced = not watched.pictures.finished and len(reel.strips) > 1  # how far it came by then is chance
        if watched.pictures.told and (watched.flawless or watched == before or silenced):
            return watched
        before = watched
    raise InterruptedError("解码日志不完整 the decoder's log is torn")


async def _run(source: Source, reel: Reel, nice: int) -> Watched:
    pictures, sound = Pictures(bytearray(reel.strips[0].taken)), Sound()
    taken = sum(strip.taken for strip in reel.strips)
    limits = Limits(
        cpu=CPU + reel.cost // PACE + reel.size // DENSE,
        wall=float(IDLE),
        memory=MEMORY,
        output=2**20 + 2**8 * taken,
        errors=2**20 + LOG * taken,
        nice=nice,
    )
    arguments = (*READING, *SEEN, *(HEARING if len(reel.strips) > 1 else ()))
    async with child("ffmpeg", *arguments, limits=limits, stdin=feed(source, reel), hears=pictures.hear) as running:
        async for chunk in running.output():
            sound.hear(chunk)
            await asyncio.sleep(GATHERS)
        in_bounds(end := await running.end())
    blame(end, errno.EAGAIN)  # no thread could be started
    if end.ok and not pictures.finished:
        raise ToolMissing(errno.EPROTO, f"a decoder of another kind: {end.errors[:300]}", end.tool)
    return Watched(pictures, sound)


READING: Final = (
    *("-nostdin", "-hide_banner", "-nostats", "-v", "repeat+verbose", "-debug_ts", "-copyts", "-max_error_rate", "1"),
    *(*ONE_FILTER_THREAD, *ONE_THREAD),
    *("-protocol_whitelist", "pipe", "-f", "mov", "-skip_loop_filter", "all", "-noautorotate"),
    *("-max_pixels", str(bounds.FRAME), "-i", "pipe:0"),
)
"""No other protocol than the pipe, and no other format than this one. Smoothing is left out: it finds no fault."""
SEEN: Final = ("-map", "0:v:0", "-fps_mode", "passthrough", "-noautoscale", "-f", "null", "-")
HEARING: Final = ("-map", "0:a:0", "-f", "framecrc", "pipe:1")


def in_bounds(end: End) -> None:
    """Damaged where the decoder had to be stopped."""
    if end.how in ("cpu", "timeout", "overrun"):
        raise Damaged("absurd", end.measured)
