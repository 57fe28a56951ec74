"""Tries a few pictures of a video and whole photographs in a real decoder, which runs in a jail of its own.

A video costs one child of some 150 ms, three short ranges beside the index (at most `ENOUGH` bytes and one sample
each), and no disk; a photograph all its bytes and some 40 ms. Both belong to the pass after the first verdict. ffmpeg
is given the samples in a file of our own making through a pipe, knows no other protocol and no other format, and has
neither network nor a folder to read: a playlist or an address inside a video leads nowhere.
"""

import signal
from collections.abc import Iterator, Sequence
from typing import Final

from services.media.inspect import bounds
from services.media.inspect.child import Done, Limits, run
from services.media.inspect.excerpt import APART, excerpt
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.mp4 import read_movie
from services.media.inspect.phrases import pixels
from services.media.inspect.source import Source, exactly
from services.media.inspect.tools import ToolMissing
from services.media.inspect.tracks import Track

DECODED: Final = frozenset({"h264", "hevc", "av1", "vp9", "vp8", "mpeg4", "mpeg2video", "mpeg1video", "h263", "mjpeg",
                            "prores", "png", "dvvideo", "dnxhd", "jpeg2000", "svq1", "svq3", "cinepak"})  # fmt: skip
"""Codecs that every ffmpeg of Debian decodes; others are named in the verdict and not tried."""
TRIED: Final = (6, 2, 2)
"""Samples tried at the start, in the middle and at the end: at the start more, since B-pictures come late."""
PLACES: Final = len(TRIED)
SAMPLE: Final = 16 * 2**20
"""Bytes of one sample at most."""
ENOUGH: Final = 2 * 2**20
"""Bytes of a place after which no further sample is read."""
MOVIE_LIMITS: Final = Limits(cpu=20, wall=60.0, memory=3 * 2**30, output=2**16, errors=2**18)
PHOTO_LIMITS: Final = Limits(cpu=4, wall=60.0, memory=2**30, output=2**20)
SCANS: Final = 100
"""Scans of a progressive picture; honest ones have some ten, and each is another pass over all of it."""
HARMLESS: Final = "extraneous bytes before marker"
"""What cameras leave between segments and every viewer skips."""
CUT: Final = "Premature end of JPEG file"
WARNED: Final = 2
"""What djpeg ends with where it could go on after a fault."""
MISSING: Final = (126, 127)
"""What a tool ends with that could not be loaded: no fault of the file."""
FOREIGN: Final = (signal.SIGKILL, signal.SIGTERM)
"""Signals that no decoder brings on itself: the machine is out of memory, or being stopped."""


async def decodes(source: Source, name: str | None = None, places: int = PLACES) -> Fault | None:
    """Whether the pictures at the start, in the middle and at the end of an mp4 can be decoded, and are as large as
    declared; at fewer `places` where jumping about in the source costs too much. OSError where the decoder is missing
    or was killed by the machine: no verdict then."""
    try:
        movie = await read_movie(source)
        if movie.track.codec in DECODED:
            await _try(source, movie.track, places)
    except Damaged as damage:
        return Fault(damage.code, damage.measured, name)
    return None


async def _try(source: Source, track: Track, at_most: int) -> None:
    if track.coded.width * track.coded.height > bounds.FRAME:
        raise Damaged("absurd", pixels(track.coded))
    starts = list(_starts(track))[:at_most]
    places = [await _place(source, track, start, most) for start, most in zip(starts, TRIED, strict=False)]
    done = await _ffmpeg(excerpt(track, places))
    size, seen = _understood(done)
    missed = [start for number, start in enumerate(starts) if number not in seen]
    if missed:
        times = [divmod(track.samples.time(start) // track.timescale, 60) for start in missed]
        raise Damaged("undecodable", f"{track.codec} @ " + ", ".join(f"{at[0]}:{at[1]:02d}" for at in times))
    if size != pixels(track.coded):
        raise Damaged("picture", f"{size} ≠ {pixels(track.coded)}")


def _starts(track: Track) -> Iterator[int]:
    """The first sample, as players begin with it; then samples decoding can begin at, near the middle and the end."""
    yield 0
    count = len(track.samples.sizes)
    sync: Sequence[int] = range(count) if track.samples.sync is None else track.samples.sync
    middle = max((number for number in sync if number <= count // 2), default=0)
    last = max(sync, default=0)
    yield from sorted({middle, last} - set(range(TRIED[0])))


async def _place(source: Source, track: Track, start: int, most: int) -> list[bytes]:
    """The samples of a place, in one read where they lie together, as they do but for the sound between them."""
    found, length = list[tuple[int, int]](), 0
    for number in range(start, min(start + most, len(track.samples.sizes))):
        at, size = track.samples.place(number)
        if size > SAMPLE:
            raise Damaged("absurd", f"{size} B")
        if length < ENOUGH:
            found.append((at, size))
            length += size
    low, high = min(at for at, _ in found), max(at + size for at, size in found)
    if high - low > length + ENOUGH:
        return [await exactly(source, at, size) for at, size in found]
    together = await exactly(source, low, high - low)
    return [together[at - low : at - low + size] for at, size in found]


async def _ffmpeg(data: bytes) -> Done:
    """The pictures' checksums, one a line. No other protocol than the pipe, and no other format than this one."""
    reading = ["-protocol_whitelist", "pipe", "-f", "mov", "-threads", "1", "-max_pixels", str(bounds.FRAME)]
    writing = ["-fps_mode", "passthrough", "-noautoscale", "-enc_time_base", f"1:{APART}", "-c:v", "rawvideo"]
    quiet = ["-nostdin", "-hide_banner", "-v", "error", "-copyts"]
    done = await run(
        *("ffmpeg", *quiet, *reading, "-i", "pipe:0", "-map", "0:v:0", *writing, "-f", "framecrc", "pipe:1"),
        limits=MOVIE_LIMITS,
        stdin=data,
    )
    blame(done)
    return done


async def photo_decodes(source: Source, name: str | None = None) -> Fault | None:
    """Whether all of a JPEG can be decoded. OSError where the decoder is missing, the machine too busy or the store
    away: no verdict then."""
    scaled = ["-fast", "-scale", "1/8", "-maxscans", str(SCANS), "-outfile", "/dev/null"]
    try:
        done = await run("djpeg", *scaled, limits=PHOTO_LIMITS, stdin=source.stream(0, source.size))
        blame(done)
    except Damaged as damage:
        return Fault(damage.code, damage.measured, name)
    if done.end.ok or HARMLESS in done.end.errors:
        return None
    if CUT in done.end.errors:
        return Fault("truncated", f"{source.size} B", name)
    return Fault("flawed" if (done.end.how, done.end.code) == ("exit", WARNED) else "undecodable", "JPEG", name)


def blame(done: Done) -> None:
    """Tell the machine's faults, which raise OSError, from the file's."""
    if done.end.how == "exit" and done.end.code in MISSING:
        raise ToolMissing(done.end.code, done.end.errors, done.end.tool)
    if done.end.how == "signal" and done.end.code in FOREIGN:
        raise InterruptedError(f"{done.end.measured}, by the machine")
    if done.end.how in ("cpu", "timeout", "overrun"):
        raise Damaged("absurd", done.end.measured)


def _understood(done: Done) -> tuple[str, set[int]]:
    """The size of the pictures, and at which places there were any."""
    size, seen = "", set[int]()
    for line in done.output.decode(errors="replace").splitlines():
        if line.startswith("#dimensions 0: "):
            size = line.removeprefix("#dimensions 0: ")
        elif not line.startswith("#"):
            seen.add(int(line.split(",")[2]) // APART)
    return size, seen
