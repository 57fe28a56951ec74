"""Reads an mp4 or mov in place: its one real video stream, how it is shown and how long it runs
(ISO/IEC 14496-12; QuickTime File Format for what phones add)."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from zlib_ng import zlib_ng

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds
from services.media.inspect.boxes import Box, Place, load, top_boxes
from services.media.inspect.models import Damaged, Video
from services.media.inspect.phrases import pixels
from services.media.inspect.samples import Defaults, add_fragment, wait
from services.media.inspect.showing import Showing
from services.media.inspect.source import Source
from services.media.inspect.tracks import Track, tracks_of

COVERS: Final = frozenset({"mjpeg", "png", "bmp", "gif", "webp"})
"""Codecs of still pictures: beside another stream, or alone with one sample, they are cover art or thumbnails."""
LONGEST: Final = timedelta(days=30)
STRETCHED: Final = 32
"""How many times as wide as high, or as high as wide, a sample may be shown; honest ones are at most three."""
EMPTY: Final = 10
"""One sample in so many may be empty, as screen recorders leave them where nothing moved."""


@dataclass(frozen=True, slots=True)
class Movie:
    """The one real video track of a file, the sound that players play with it, and where the file's data lies."""

    track: Track
    sound: Track | None
    data: tuple[Place, ...]


async def read_mp4(source: Source) -> Video:
    """The facts of the one real video stream; cover art, thumbnails, chapter pictures and tracks without a sample are
    none. Damaged where the file ends early, contradicts itself, or has no such stream or several."""
    movie = await read_movie(source)
    track = movie.track
    return Video(
        codec=track.codec,
        coded=track.coded,
        shown=_shown(track),
        duration=_duration(track),
        audio=movie.sound is not None,
    )


def _opened(movie: Box) -> Box:
    """The index itself, which QuickTime may keep deflated (QuickTime File Format, Compressed Movie Resources)."""
    packed = movie.find(b"cmov", b"cmvd")
    if packed is None:
        return movie
    try:
        data = zlib_ng.decompressobj().decompress(bytes(packed.data[4:]), bounds.MOVIE)
    except zlib_ng.error as error:  # type: ignore[misc] # its stubs call the class an instance
        raise Damaged("damaged", f"cmvd: {error}") from error
    return Box(b"", memoryview(data)).need(b"moov")


async def read_movie(source: Source) -> Movie:
    """The same stream with its samples. Every sample it declares lies in the file; Damaged otherwise."""
    movie, fragments, data = None, list[tuple[int, Box]](), list[Place]()
    room = bounds.MOVIE
    async for place in top_boxes(source):
        if place.kind in (b"mdat", b"idat"):
            data.append(place)
        elif place.kind == b"moof" or (place.kind == b"moov" and movie is None):
            box = await load(source, place, room)
            room -= len(box)
            movie = movie or (box if place.kind == b"moov" else None)
            fragments += [(place.begin, box)] if place.kind == b"moof" else []
    if movie is None:
        raise Damaged("damaged", "no moov")
    return await asyncio.to_thread(_understand, movie, fragments, tuple(data))


def _understand(movie: Box, fragments: Sequence[tuple[int, Box]], data: tuple[Place, ...]) -> Movie:
    """What the index says, held against the bytes there are; long for an index that is absurd."""
    movie = _opened(movie)
    tracks = tracks_of(movie)
    _add_fragments(movie, fragments, {track.id: track for track in tracks})
    track = _only_video(tracks)
    samples = track.samples
    if not samples.sizes or not samples.length:
        raise Damaged("missing-samples", f"0 / {len(samples.sizes)}")
    there = sum(place.size for place in data)
    for each in (track, *(each for each in tracks if each.handler == b"soun" and each.samples.starts)):
        if astray := each.samples.astray(data):
            raise Damaged("missing-samples", f"{astray} / {len(each.samples.starts)} chunks")
        if (claimed := sum(each.samples.sizes)) > there:
            raise Damaged("missing-samples", f"{claimed} > {there} B")
    if (empty := samples.sizes.count(0)) * EMPTY > len(samples.sizes):
        raise Damaged("missing-samples", f"{empty} / {len(samples.sizes)}: 0 B")
    return Movie(track, next((each for each in tracks if each.handler == b"soun" and each.count), None), data)


def _only_video(tracks: Sequence[Track]) -> Track:
    helpers = {number for track in tracks for number in track.helpers}
    pictures = [track for track in tracks if track.handler == b"vide" and track.id not in helpers]
    moving = [track for track in pictures if track.codec not in COVERS]
    real = moving or [track for track in pictures if len(track.samples.sizes) > 1]
    filled = [track for track in real if track.samples.sizes] or real[:1]
    if len(filled) != 1:
        raise Damaged("several-videos" if filled else "no-video", str(len(filled)))
    return filled[0]


def _shown(track: Track) -> Pixels:
    if not 1 / STRETCHED <= track.aspect <= STRETCHED:
        raise Damaged("absurd", f"{pixels(track.coded)} × {float(track.aspect):.3g}:1")
    width, height = round(track.coded.width * track.aspect), track.coded.height
    return Pixels(height, width) if track.turned else Pixels(width, height)


def _duration(track: Track) -> timedelta:
    """From when the first picture is shown to when the last has been, cut where an edit list shows less of it."""
    seconds = Showing(track).seconds
    if seconds > LONGEST.total_seconds():
        raise Damaged("absurd", f"{float(seconds):.0f} s")
    return timedelta(milliseconds=round(seconds * 1000))


def _add_fragments(movie: Box, fragments: Sequence[tuple[int, Box]], tracks: dict[int, Track]) -> None:
    extends = movie.find(b"mvex")
    boxes = [box for box in extends.children() if box.kind == b"trex"] if extends else []
    defaults = {box.field("I", 4): Defaults(*box.fields("4I", 8)) for box in boxes}
    for start, fragment in fragments:
        after = start
        for traf in fragment.children():
            if traf.kind == b"traf":
                after = _add_fragment(traf, tracks, defaults, start, after)


def _add_fragment(traf: Box, tracks: dict[int, Track], defaults: dict[int, Defaults], start: int, after: int) -> int:
    inside = list(traf.children())
    header, time = (next((box for box in inside if box.kind == kind), None) for kind in (b"tfhd", b"tfdt"))
    number = header.field("I", 4) if header else 0
    track, given = tracks.get(number), defaults.get(number)
    if header is None or track is None or given is None:
        raise Damaged("damaged", f"{'tfhd' if track is None else 'trex'} {number}")
    runs = [box for box in inside if box.kind == b"trun"]
    if track.handler != b"vide":
        track.count += sum(run.field("I", 4) for run in runs)
    elif time:
        wait(track.samples, time)
    return add_fragment(track.samples, header, runs, given, start, after)
