"""What a film's pictures and sound come to once all were decoded, and where it fails. Pure.

A picture is bad where the decoder had to make some of it up, or where none came out. A single one that did not, of a
film of which the decoder complains of nothing, is how the film was made: a field, or a picture that is never shown.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple

from contracts.rulebook.measures import Pixels
from services.media.inspect.models import Fault, FaultCode
from services.media.inspect.phrases import pixels, stretch
from services.media.inspect.reel import Reel, Strip
from services.media.inspect.samples import FEW, REORDERED
from services.media.inspect.showing import Showing
from services.media.inspect.sound import DECODED, UNREADABLE
from services.media.inspect.tracks import UNKNOWN, Track
from services.media.inspect.watching import BROKEN, MISSING, WHOLE, Pictures, Sound, Watched

NOTICEABLE: Final = Fraction(1, 2)
"""Seconds of bad pictures, or of sound that is missing, that a film may have in one place: what is over before one has
understood it. A camera that is switched off or a cut made without encoding leaves less."""
MUCH: Final = 50
"""One picture in so many may be bad, scattered over a film."""
TOGETHER: Final = 1
"""Seconds between bad pictures of one place."""
TOLD: Final = 3
"""Places that are told."""
TINY: Final = 8
"""Bytes of a sample of MPEG-4 that says nothing moved, of which no picture need come (ISO/IEC 14496-2, vop_coded)."""
ONE_OF_TWO: Final = bytes((WHOLE, MISSING, WHOLE))
FIELDS: Final = 5
"""More than one place in so many like that, and the film is of fields, two of which make one picture."""


class Place(NamedTuple):
    """A stretch of a film with bad pictures in it: when it begins and ends in ticks, how many they are, and how many
    seconds they last."""

    start: int
    end: int
    bad: int
    lasting: Fraction


def of_film(reel: Reel, watched: Watched, name: str | None, heard: bool) -> Iterator[Fault]:
    """What is wrong with the pictures, and with the sound, `heard` where the rulebook requires it; of a film that the
    decoder did not get through, even without its sound, that says enough."""
    pictures, *others = reel.strips
    yield from _of_pictures(watched.pictures, pictures.track, name)
    size, declared = _smallest(watched.pictures, pictures), pictures.track.coded
    if size and size != declared:
        yield Fault("picture", f"{pixels(size)} ≠ {pixels(declared)}", name)
    for sound in others if watched.pictures.finished else ():
        yield from _of_sound(watched, sound, heard, name)


def untried(sound: Track, name: str | None, heard: bool) -> Fault | None:
    """What is wrong with sound that no decoder is asked about: nothing where its coding is plain."""
    if sound.codec == UNREADABLE:
        return Fault("undecodable-sound" if heard else "flawed-sound", "stsd", name)
    return Fault("sound-coding", sound.codec, name) if sound.codec and sound.codec not in DECODED else None


def reached(reel: Reel) -> str:
    """How far a film was decoded, of how long it is."""
    [pictures, *_] = reel.strips
    showing = Showing(pictures.track)
    _, end = pictures.track.samples.span(pictures.taken)
    return f"{stretch(0, showing.at(end))} / {stretch(0, showing.at(showing.end))}"


def _of_pictures(pictures: Pictures, track: Track, name: str | None) -> Iterator[Fault]:
    places, count = list(_places(pictures, track)), len(pictures.became)
    if places:
        bad = sum(place.bad for place in places)
        showing = Showing(track)
        where = ", ".join(stretch(*showing.of(place.start, place.end)) for place in places[:TOLD])
        where += " …" if len(places) > TOLD else ""
        fails = _fails(places, bad * MUCH > count)
        yield Fault("undecodable" if fails else "flawed", f"{track.codec} @ {where}: {bad} / {count}", name)


def _smallest(pictures: Pictures, strip: Strip) -> Pixels | None:
    """The size of the smallest pictures of which there are more than a few."""
    counts = Counter[Pixels]()
    for (first, size), (after, _) in pairwise([*pictures.sizes, (strip.taken, UNKNOWN)]):
        counts[size] += after - first
    many = [size for size, count in counts.items() if count * FEW > strip.taken] or list(counts)
    return min(many, key=lambda size: size.width * size.height, default=None)


def _fails(places: Sequence[Place], many: bool) -> bool:
    """Whether bad pictures are more than a flaw: in one place, or in all places where they are many."""
    lasting = [place.lasting for place in places]
    return max(lasting) > NOTICEABLE or (many and sum(lasting) > NOTICEABLE)


def _of_sound(watched: Watched, strip: Strip, heard: bool, name: str | None) -> Iterator[Fault]:
    """Nothing is wrong where less of it is missing than one notices."""
    track = strip.track
    pictures, sound = watched
    each = Fraction(track.samples.length, max(1, len(track.samples.sizes)) * track.timescale)
    lost = max(pictures.sound_refused, strip.taken - pictures.sound_frames)
    came = sound is not None and pictures.sound_frames > 0
    if came and each * lost <= NOTICEABLE:
        return
    begins, ends = _lost(sound if came else None, float(each * strip.taken))
    where = Showing(track).of(round(begins * track.timescale), round(ends * track.timescale))
    code: FaultCode = "undecodable-sound" if heard else "flawed-sound"
    yield Fault(code, f"{track.codec} @ {stretch(*where)}", name)


def _lost(sound: Sound | None, end: float) -> tuple[float, float]:
    """From when to when sound that lasts until `end` has gaps; all of it where nothing came."""
    gaps = list(sound.gaps) if sound else []
    if sound and end - sound.end > NOTICEABLE:
        gaps.append((sound.end, end))
    return (gaps[0][0], gaps[-1][1]) if gaps else (0.0, end)


def _places(pictures: Pictures, track: Track) -> Iterator[Place]:
    """Where bad pictures are that are shown, near ones together."""
    bad = list(_bad(pictures, track))
    times = sorted(track.samples.shown(len(pictures.became))) if bad else []
    times.append(track.samples.span(len(pictures.became))[1])
    seen, second = Showing(track), track.timescale
    place: tuple[int, int, int, int] | None = None
    for number in bad:
        start, end = times[number], times[number + 1]
        if start not in seen:
            continue
        if place and start - place[1] <= TOGETHER * second:
            place = (place[0], end, place[2] + 1, place[3] + end - start)
            continue
        if place:
            yield _place(place, second)
        place = (start, end, 1, end - start)
    if place:
        yield _place(place, second)


def _place(ticks: tuple[int, int, int, int], second: int) -> Place:
    start, end, bad, lasting = ticks
    return Place(start, end, bad, Fraction(lasting, second))


def _bad(pictures: Pictures, track: Track) -> Iterator[int]:
    """The places among all pictures of those that are bad."""
    became, count = pictures.became, len(pictures.became)
    complains = pictures.refused > 0 or BROKEN in became
    meant = pictures.refused * FIELDS <= became.count(MISSING)  # that they did not come
    fields = meant and became.count(ONE_OF_TWO) * FIELDS > count
    least = TINY if meant and track.codec == "mpeg4" and WHOLE in became else -1
    sizes = _sizes_as_shown(track, count) if MISSING in became else ()
    for number in range(_first_whole(track), count):
        if became[number] == BROKEN:
            yield number
        elif became[number] == MISSING and sizes[number] > least:
            alone = MISSING not in (*became[number - 1 : number], *became[number + 1 : number + 2])
            if not alone or (complains and not fields):
                yield number


def _sizes_as_shown(track: Track, count: int) -> Sequence[int]:
    """The samples' sizes in the order their pictures are shown in."""
    times, sizes = track.samples.shown(count), track.samples.sizes
    return [sizes[number] for number in sorted(range(count), key=times.__getitem__)]


def _first_whole(track: Track) -> int:
    """The place of the first sample's picture: what is shown before it refers to what was cut off, and players leave
    it out."""
    times = track.samples.shown(REORDERED)
    return sum(time < times[0] for time in times)
