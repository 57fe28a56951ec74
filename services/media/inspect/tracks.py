"""The tracks of an mp4 or mov as its movie header declares them (ISO/IEC 14496-12, 8.3 to 8.6 and 12.1)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from typing import Final, NamedTuple

from contracts.rulebook.measures import Pixels
from services.media.inspect import av1, bounds, h264, hevc, mpeg4
from services.media.inspect.bits import SQUARE, Declared, aspect
from services.media.inspect.boxes import Box
from services.media.inspect.models import Damaged
from services.media.inspect.samples import Samples, from_sound, from_table
from services.media.inspect.sound import DECODED, codec_of

CODECS: Final = {
    b"avc1": "h264", b"avc2": "h264", b"avc3": "h264", b"avc4": "h264", b"dva1": "h264", b"dvav": "h264",
    b"hvc1": "hevc", b"hev1": "hevc", b"dvh1": "hevc", b"dvhe": "hevc", b"vvc1": "vvc", b"vvi1": "vvc",
    b"av01": "av1", b"dav1": "av1", b"vp09": "vp9", b"vp08": "vp8", b"mp4v": "mpeg4", b"s263": "h263",
    b"h263": "h263", b"H263": "h263", b"mjpa": "mjpeg", b"mjpb": "mjpegb", b"jpeg": "mjpeg", b"mjpg": "mjpeg",
    b"png ": "png", b"apch": "prores", b"apcn": "prores", b"apcs": "prores", b"apco": "prores", b"ap4h": "prores",
    b"ap4x": "prores", b"SVQ1": "svq1", b"SVQ3": "svq3", b"rle ": "qtrle", b"raw ": "rawvideo", b"cvid": "cinepak",
    b"dvc ": "dvvideo", b"dvcp": "dvvideo", b"dvpp": "dvvideo", b"m2v1": "mpeg2video", b"xdvb": "mpeg2video",
    b"mjp2": "jpeg2000", b"AVdn": "dnxhd", b"AVdh": "dnxhd", b"FLV1": "flv1",
}  # fmt: skip
"""Sample entries by their four letters, named as ffprobe names them."""
CONFIGURATIONS: Final[dict[str, tuple[bytes, Callable[[bytes], Declared | None]]]] = {
    "h264": (b"avcC", h264.from_configuration),
    "hevc": (b"hvcC", hevc.from_configuration),
    "av1": (b"av1C", av1.from_configuration),
}
"""Where a sample entry keeps its codec's own header, and what reads it."""
LOCKED: Final = frozenset({b"encv", b"enca", b"encs", b"drmi", b"drms"})
"""Sample entries of what is encrypted (ISO/IEC 14496-12, 8.12), the last two those of Apple's shop."""
PLAYED: Final = frozenset({b"vide", b"soun"})
"""Handlers of tracks that are looked into: others only go along with a film, and cannot keep it from playing."""
VISUAL_ENTRY: Final = 78
"""Bytes of a VisualSampleEntry before the boxes inside it."""
Matrix = tuple[int, int, int, int]
SERVING: Final = frozenset({b"thmb", b"auxl", b"vdep", b"vplx"})
"""References by which a track says that it only serves another one."""
EMPTY: Final = -1
"""Where an edit begins that shows nothing."""
UNKNOWN: Final = Pixels(0, 0)
ALTOGETHER: Final = 2 * bounds.SAMPLES
"""Samples of all tracks."""
STRAIGHT: Final = (0x10000, 0, 0, 0x10000)
"""The matrix of a picture that is neither turned nor stretched, in 16.16."""
SLIGHT: Final = Fraction(1, 100)
"""How far a stretch told by width and height alone may be from none and still be rounding."""


class Look(NamedTuple):
    """What one description of samples makes of a picture, as a `Track` names it."""

    codec: str
    named: bool
    claimed: Pixels
    coded: Pixels
    aspect: Fraction
    told: Fraction | None


@dataclass(slots=True)
class Track:
    """A track as the movie header declares it, fragments aside. Times in its own `timescale`; `aspect` is a sample's
    width to its height, `turned` whether the picture lies on its side."""

    id: int
    handler: bytes
    timescale: int = 1
    count: int = 0
    codec: str = "?"
    named: bool = True
    """Whether its codec is one that is known by name."""
    coded: Pixels = UNKNOWN
    claimed: Pixels = UNKNOWN
    """The sample entry's size, which its codec may contradict."""
    aspect: Fraction = SQUARE
    told: Fraction | None = None
    """The aspect the container asks for."""
    turned: bool = False
    edits: tuple[tuple[int, Fraction], ...] = ()
    """What an edit list shows: where in the media each edit begins, and its seconds, 0 being all that is left. EMPTY
    ones show nothing, and only delay what follows."""
    samples: Samples = field(default_factory=Samples)
    described: Box | None = None
    helpers: set[int] = field(default_factory=set)
    """Tracks that only serve others: the chapter pictures of this one, or this one where it is thumbnails or depth."""


def tracks_of(movie: Box) -> list[Track]:
    """The tracks of a `moov`."""
    header = movie.need(b"mvhd")
    late = header.version() == 1
    timescale = header.field("I", 20 if late else 12)
    a, b, _, c, d = header.fields("5i", 48 if late else 36)
    boxes = [box for box in movie.children() if box.kind == b"trak"]
    if len(boxes) > bounds.TRACKS:
        raise Damaged("absurd", f"{len(boxes)} tracks")
    tracks, samples = list[Track](), 0
    for box in boxes:
        tracks.append(_track(box, timescale, (a, b, c, d)))
        samples += len(tracks[-1].samples.sizes)
        if samples > ALTOGETHER:
            raise Damaged("absurd", f"{samples} samples")
    return tracks


def _track(box: Box, movie_timescale: int, turn: Matrix) -> Track:
    header, media = box.need(b"tkhd"), box.need(b"mdia")
    track = Track(id=header.field("I", 20 if header.version() else 12), handler=media.need(b"hdlr").fourcc(8))
    track.helpers = set(_helpers(box, track.id))
    if track.handler not in PLAYED:
        return track
    clock = media.need(b"mdhd")
    track.timescale = clock.field("I", 20 if clock.version() else 12)
    if not track.timescale or not movie_timescale:
        raise Damaged("damaged", "timescale 0")
    _refuse_elsewhere(media)
    table = media.need(b"minf", b"stbl")
    times = table.find(b"stts")
    track.count = sum(count for count, _ in times.table("II", 8, times.field("I", 4))) if times else 0
    track.edits = tuple(_edits(box, movie_timescale))
    if track.handler == b"soun":
        track.described = table.find(b"stsd")
        track.codec = codec_of(track.described)
        _refuse_locked(track.codec.encode())
        track.samples = from_sound(table, track.codec in DECODED)
        return track
    track.samples = from_table(table)
    _describe(track, table)
    _present(track, header, turn)
    return track


def _helpers(box: Box, number: int) -> Iterator[int]:
    references = box.find(b"tref")
    for kind in references.children() if references else ():
        if kind.kind == b"chap":
            yield from (chapters for (chapters,) in kind.table("I", 0, len(kind) // 4))
        elif kind.kind in SERVING:
            yield number


def _refuse_elsewhere(media: Box) -> None:
    """A track whose samples lie in another file has none; where they lie nowhere, no player looks for them."""
    elsewhere = media.find(b"minf", b"dinf", b"dref")
    references = list(elsewhere.children(8)) if elsewhere else []
    if any(not reference.flags() & 0x1 for reference in references):
        raise Damaged("missing-samples", "dref")
    if elsewhere and not references:
        raise Damaged("damaged", "dref: 0")


def _edits(box: Box, timescale: int) -> Iterator[tuple[int, Fraction]]:
    edits = box.find(b"edts", b"elst")
    if edits:
        if edits.field("I", 4) > bounds.EDITS:
            raise Damaged("absurd", f"{edits.field('I', 4)} edits")
        for length, start, _ in edits.table("QqI" if edits.version() else "IiI", 8, edits.field("I", 4)):
            yield max(start, EMPTY), Fraction(length, timescale)


def _describe(track: Track, table: Box) -> None:
    """Of several descriptions that samples are of, the one of the smallest picture."""
    track.described = table.need(b"stsd")
    numbers = track.samples.described()
    entries = dict(enumerate(islice(track.described.children(8), max(numbers)), 1))
    used = [entry for number, entry in entries.items() if number in numbers] or list(entries.values())[:1]
    if not used:
        raise Damaged("damaged", "stsd")
    look = min(map(_look, used), key=lambda look: look.coded.width * look.coded.height)
    track.codec, track.named, track.claimed, track.coded, track.aspect, track.told = look


def _look(entry: Box) -> Look:
    """What the codec's own header says: a player shows that, whatever is written around it."""
    _refuse_locked(entry.kind)
    codec = CODECS.get(entry.kind, entry.kind.decode("latin-1").strip() if entry.kind.isalnum() else "?")
    claimed = Pixels(*entry.fields("HH", 24))
    inside = {box.kind: box for box in entry.children(VISUAL_ENTRY)} if len(entry) > VISUAL_ENTRY else {}
    declared = None
    if b"esds" in inside:
        codec, header = mpeg4.from_descriptor(bytes(inside[b"esds"].data[4:]))
        declared = mpeg4.from_header(header) if codec == "mpeg4" else None
    elif codec in CONFIGURATIONS and (kind := CONFIGURATIONS[codec][0]) in inside:
        declared = CONFIGURATIONS[codec][1](bytes(inside[kind].data))
    coded, shape = declared or Declared(claimed)
    if not coded.width or not coded.height:
        raise Damaged("damaged", f"{coded.width}x{coded.height}")
    told = aspect(*inside[b"pasp"].fields("II")) if b"pasp" in inside else None
    return Look(codec, entry.kind in CODECS, claimed, coded, shape, told)


def _refuse_locked(kind: bytes) -> None:
    """What only a shop's own player opens."""
    if kind in LOCKED:
        raise Damaged("encrypted", kind.decode())


def _present(track: Track, header: Box, turn: Matrix) -> None:
    """How the matrices of movie and track turn and stretch the picture. A sample's aspect is what `pasp` says; then
    what the track's width and height make of the sample entry's, as players have it; then what the codec says."""
    at = 52 if header.version() == 1 else 40
    a, b, _, c, d = header.fields("5i", at)
    e, f, g, h = turn if any(turn) else STRAIGHT
    a, b, c, d = a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h
    track.turned = abs(b) > abs(a) and abs(c) > abs(d)
    wide, high = header.fields("II", at + 36)
    if track.told is None and wide >> 16 and high >> 16 and all(track.claimed):
        told = Fraction(wide * track.claimed.height, high * track.claimed.width)
        track.told = told if abs(told - 1) > SLIGHT else None
    across, down = abs(a) + abs(b), abs(c) + abs(d)
    stretch = Fraction(across, down) if across and down else SQUARE
    track.aspect = (track.told or track.aspect) * (stretch if abs(stretch - 1) > SLIGHT else 1)
