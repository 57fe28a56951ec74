"""Reads an mp4 or mov in place: its one real video stream, how it is shown and how long it runs
(ISO/IEC 14496-12; QuickTime File Format for what phones add)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from typing import Final

from contracts.rulebook.measures import Pixels
from services.media.inspect import bounds, h264
from services.media.inspect.boxes import Box, load, top_boxes
from services.media.inspect.models import Damaged, Video
from services.media.inspect.source import Source

CODECS: Final = {
    b"avc1": "h264", b"avc3": "h264", b"hvc1": "hevc", b"hev1": "hevc", b"dvh1": "hevc", b"dvhe": "hevc",
    b"av01": "av1", b"vp09": "vp9", b"vp08": "vp8", b"mp4v": "mpeg4", b"s263": "h263", b"mjpa": "mjpeg",
    b"jpeg": "mjpeg", b"mjpg": "mjpeg", b"png ": "png", b"apch": "prores", b"apcn": "prores", b"apcs": "prores",
    b"apco": "prores", b"ap4h": "prores", b"vvc1": "vvc",
}  # fmt: skip
"""Sample entries by their four letters, named as ffprobe names them."""
COVERS: Final = frozenset({"mjpeg", "png"})
LONGEST: Final = timedelta(days=30)
UNKNOWN: Final = Pixels(0, 0)
VISUAL_ENTRY: Final = 78
"""Bytes of a VisualSampleEntry before the boxes inside it."""


@dataclass(slots=True)
class Track:
    """A track as the movie header declares it, and what fragments add to it. Times in its own `timescale`; `reach` is
    where in the file its last chunk begins."""

    id: int
    handler: bytes
    timescale: int
    turned: bool
    codec: str = "?"
    coded: Pixels = UNKNOWN
    aspect: tuple[int, int] = (1, 1)
    samples: int = 0
    length: int = 0
    bytes: int = 0
    reach: int = 0
    edit: Fraction | None = None
    chapters: set[int] = field(default_factory=set)


async def read_mp4(source: Source) -> Video:
    """The facts of the one real video stream; cover art and chapter pictures are none. Damaged where the file ends
    early, contradicts itself, or has no such stream or several."""
    movie, fragments, data = None, list[Box](), 0
    room = bounds.MOVIE
    async for place in top_boxes(source):
        if place.kind == b"mdat":
            data += place.size
        elif place.kind in (b"moov", b"moof"):
            box = await load(source, place, room)
            room -= len(box)
            movie = movie or (box if place.kind == b"moov" else None)
            fragments += [box] if place.kind == b"moof" else []
    if movie is None:
        raise Damaged("damaged", "no moov")
    return await asyncio.to_thread(_understand, movie, fragments, data, source.size)


def _understand(movie: Box, fragments: list[Box], data: int, size: int) -> Video:
    """What the index says, held against the bytes there are; long for an index that is absurd."""
    tracks = list(_tracks(movie))
    _add_fragments(movie, fragments, {track.id: track for track in tracks})
    return _video(tracks, data, size)


def _video(tracks: list[Track], data: int, size: int) -> Video:
    chapters = {number for track in tracks for number in track.chapters}
    pictures = [track for track in tracks if track.handler == b"vide" and track.id not in chapters]
    real = [track for track in pictures if not (track.codec in COVERS and track.samples <= 1)]
    if len(real) != 1:
        raise Damaged("several-videos" if real else "no-video", str(len(real)))
    track = real[0]
    if not track.samples or not track.length or track.bytes > data or track.reach >= size:
        raise Damaged("missing-samples", f"{track.samples}: {track.bytes} / {data} B")
    return Video(
        codec=track.codec,
        coded=track.coded,
        shown=_shown(track),
        duration=_duration(track),
        audio=any(each.handler == b"soun" and each.samples for each in tracks),
    )


def _shown(track: Track) -> Pixels:
    wide, high = track.aspect
    width, height = round(Fraction(track.coded.width * wide, high)), track.coded.height
    return Pixels(height, width) if track.turned else Pixels(width, height)


def _duration(track: Track) -> timedelta:
    """What the samples last, cut where an edit list shows less of them."""
    lasts = Fraction(track.length, track.timescale)
    seconds = lasts if track.edit is None else min(lasts, track.edit)
    if seconds > LONGEST.total_seconds():
        raise Damaged("absurd", f"{float(seconds):.0f} s")
    return timedelta(milliseconds=round(seconds * 1000))


def _tracks(movie: Box) -> Iterator[Track]:
    header = movie.need(b"mvhd")
    timescale = header.field("I", 20 if header.version() else 12)
    boxes = [box for box in movie.children() if box.kind == b"trak"]
    if len(boxes) > bounds.TRACKS:
        raise Damaged("absurd", f"{len(boxes)} tracks")
    for box in boxes:
        yield _track(box, timescale)


def _track(box: Box, movie_timescale: int) -> Track:
    header, media = box.need(b"tkhd"), box.need(b"mdia")
    clock = media.need(b"mdhd")
    late = header.version() == 1
    a, b, _, c, d = header.fields("5i", 52 if late else 40)
    track = Track(
        id=header.field("I", 20 if late else 12),
        handler=media.need(b"hdlr").fourcc(8),
        timescale=clock.field("I", 20 if clock.version() else 12),
        turned=abs(b) > abs(a) and abs(c) > abs(d),
    )
    if not track.timescale or not movie_timescale:
        raise Damaged("damaged", "timescale 0")
    elsewhere = media.find(b"minf", b"dinf", b"dref")
    if elsewhere and any(not reference.flags() & 0x1 for reference in elsewhere.children(8)):
        raise Damaged("missing-samples", "dref")
    _add_samples(track, media.need(b"minf", b"stbl"))
    edits = box.find(b"edts", b"elst")
    track.edit = _edited(edits, movie_timescale) if edits else None
    chapters = box.find(b"tref", b"chap")
    track.chapters = {row[0] for row in chapters.table("I", 0, len(chapters) // 4)} if chapters else set()
    return track


def _edited(edits: Box, timescale: int) -> Fraction | None:
    """Seconds an edit list shows; None where it shows all there is. Empty edits only delay the start."""
    rows = edits.table("QqI" if edits.version() else "IiI", 8, edits.field("I", 4))
    shown = [length for length, start, _ in rows if start >= 0]
    return Fraction(sum(shown), timescale) if shown and all(shown) else None


def _add_samples(track: Track, table: Box) -> None:
    times = table.need(b"stts")
    for count, length in times.table("II", 8, times.field("I", 4)):
        track.samples += count
        track.length += count * length
    sizes = table.find(b"stsz")
    if sizes:
        each, count = sizes.fields("II", 4)
        track.bytes = each * count if each else sum(size for (size,) in sizes.table("I", 12, count))
        if count != track.samples:
            raise Damaged("damaged", f"{count} ≠ {track.samples} samples")
    offsets = table.find(b"stco") or table.find(b"co64")
    if offsets:
        layout = "I" if offsets.kind == b"stco" else "Q"
        track.reach = max((at for (at,) in offsets.table(layout, 8, offsets.field("I", 4))), default=0)
    if track.handler == b"vide":
        described = table.need(b"stsd")
        entry = next(described.children(8), None)
        if entry is None:
            raise Damaged("damaged", "stsd")
        _describe(track, entry)


def _describe(track: Track, entry: Box) -> None:
    if entry.kind == b"encv":
        raise Damaged("encrypted", "encv")
    track.codec = CODECS.get(entry.kind, entry.kind.decode("latin-1").strip() if entry.kind.isascii() else "?")
    track.coded = Pixels(*entry.fields("HH", 24))
    inside = {box.kind: box for box in entry.children(VISUAL_ENTRY)} if len(entry) > VISUAL_ENTRY else {}
    if track.codec == "h264" and b"avcC" in inside:
        declared = h264.from_configuration(bytes(inside[b"avcC"].data))
        track.coded, track.aspect = declared or (track.coded, track.aspect)
    if b"pasp" in inside:
        wide, high = inside[b"pasp"].fields("II")
        track.aspect = (wide, high) if wide and high else track.aspect
    if not track.coded.width or not track.coded.height:
        raise Damaged("damaged", f"{track.coded.width}x{track.coded.height}")


def _add_fragments(movie: Box, fragments: list[Box], tracks: dict[int, Track]) -> None:
    extends = movie.find(b"mvex")
    boxes = [box for box in extends.children() if box.kind == b"trex"] if extends else []
    defaults = {box.field("I", 4): (box.field("I", 12), box.field("I", 16)) for box in boxes}
    for fragment in fragments:
        for run in fragment.children():
            if run.kind == b"traf":
                _add_fragment(run, tracks, defaults)


def _add_fragment(fragment: Box, tracks: dict[int, Track], defaults: dict[int, tuple[int, int]]) -> None:
    header = fragment.need(b"tfhd")
    track = tracks.get(header.field("I", 4))
    if track is None:
        raise Damaged("damaged", "tfhd")
    flags, at = header.flags(), 8 + 8 * bool(header.flags() & 0x1) + 4 * bool(header.flags() & 0x2)
    length, size = defaults.get(track.id, (0, 0))
    if flags & 0x8:
        length, at = header.field("I", at), at + 4
    if flags & 0x10:
        size = header.field("I", at)
    for run in fragment.children():
        if run.kind == b"trun":
            _add_run(run, track, length, size)


def _add_run(run: Box, track: Track, length: int, size: int) -> None:
    flags, count = run.flags(), run.field("I", 4)
    at = 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4)
    columns = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    track.samples += count
    if not columns:
        track.length, track.bytes = track.length + count * length, track.bytes + count * size
        return
    rows = list(run.table("I" * len(columns), at, count))
    track.length += sum(row[columns.index(0x100)] for row in rows) if 0x100 in columns else count * length
    track.bytes += sum(row[columns.index(0x200)] for row in rows) if 0x200 in columns else count * size
