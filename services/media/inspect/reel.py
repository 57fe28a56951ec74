"""A film's pictures and sound as an mp4 of our own making, to be piped into a decoder: its index first, then sample
after sample as they lie in the film (ISO/IEC 14496-12). It refers to nothing outside, and the index that was handed in
does not reach the decoder."""

import asyncio
import heapq
import struct
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from services.media.inspect.models import Damaged
from services.media.inspect.samples import Chunk, Numbers, Samples
from services.media.inspect.source import AHEAD, Source, exactly
from services.media.inspect.tracks import Track

SAMPLE: Final = 16 * 2**20
"""Bytes of one sample."""
PIECE: Final = AHEAD
"""Bytes read at once."""
GAP: Final = 64 * 2**10
"""Bytes between samples that are read along with them rather than asked for anew."""
READS: Final = 10_000
"""Reads of a film, and times it is read all in all: honest ones lie in order, and are read once in some hundred."""
TIMES: Final = 2
LEAST: Final = 2**17
"""Pixels a picture counts as where it has fewer: what handing a picture on takes, however small it is."""
PACKET: Final = 2**14
"""Pixels that take as long as a packet of sound."""
MOST_TICKS: Final = 2**31 - 1
"""In a second, whatever a film claims."""
VERSION_1: Final = 1 << 24
"""Of a table whose numbers are signed."""
COMPRESSOR: Final = slice(50, 82)
"""Where the entry of a picture's description keeps a name that the decoder would print."""


@dataclass(slots=True)
class Strip:
    """What is taken of a track: so many of its samples, in chunks that begin at `starts` of the new file, with so many
    `held` in each, of the description that `entries` names."""

    track: Track
    cost: int
    taken: int = 0
    starts: Numbers = field(default_factory=lambda: array("Q"))
    held: Numbers = field(default_factory=lambda: array("I"))
    entries: Numbers = field(default_factory=lambda: array("I"))

    @property
    def whole(self) -> bool:
        """Whether nothing was left out."""
        return self.taken == len(self.track.samples.sizes)


@dataclass(slots=True)
class Reel:
    """The new file: what is taken of the pictures and the sound, where that lies in the old one, and what it costs."""

    strips: Sequence[Strip]
    starts: Numbers = field(default_factory=lambda: array("Q"))
    lengths: Numbers = field(default_factory=lambda: array("Q"))
    size: int = 0
    cost: int = 0

    @property
    def header(self) -> bytes:
        """Everything before the first sample."""
        brand = _box(b"ftyp", b"isom\0\0\2\0isom")
        before = len(brand) + len(_movie(self.strips, 0)) + 16
        return brand + _movie(self.strips, before) + struct.pack(">I4sQ", 1, b"mdat", 16 + self.size)


def cost_of(pictures: Track) -> int:
    """Pixels one picture counts as."""
    return max(LEAST, pictures.coded.width * pictures.coded.height)


def price(pictures: Track, sound: Track | None) -> int:
    """Pixels a whole film counts as."""
    heard = len(sound.samples.sizes) if sound else 0
    return cost_of(pictures) * len(pictures.samples.sizes) + PACKET * heard


def wind(pictures: Track, sound: Track | None, budget: int) -> Reel:
    """A film for a decoder, as far as a budget of pixels goes: the same however fast the machine is. The samples of a
    track stay in their order, those of both lie as they do in the film."""
    strips = [Strip(pictures, cost_of(pictures)), *([Strip(sound, PACKET)] if sound else [])]
    if any(max(strip.track.samples.sizes, default=0) > SAMPLE for strip in strips):
        raise Damaged("absurd", f"> {SAMPLE} B / sample")
    reel = Reel(strips)
    for strip, chunk in heapq.merge(*map(_chunks, strips), key=lambda each: each[1].start):
        most = max(0, (budget - reel.cost) // strip.cost)
        _take(reel, strip, chunk, min(chunk.end - chunk.first, most))
        if most < chunk.end - chunk.first:
            break
    return reel


def _chunks(strip: Strip) -> Iterator[tuple[Strip, Chunk]]:
    return ((strip, chunk) for chunk in strip.track.samples.chunks())


def _take(reel: Reel, strip: Strip, chunk: Chunk, count: int) -> None:
    if not count:
        return
    length = sum(strip.track.samples.sizes[chunk.first : chunk.first + count])
    strip.starts.append(reel.size)
    strip.held.append(count)
    strip.entries.append(chunk.entry)
    strip.taken += count
    reel.cost += count * strip.cost
    reel.size += length
    if reel.starts and reel.starts[-1] + reel.lengths[-1] == chunk.start:
        reel.lengths[-1] += length
    else:
        reel.starts.append(chunk.start)
        reel.lengths.append(length)


async def feed(source: Source, reel: Reel) -> AsyncIterator[bytes]:
    """The new file's bytes, read from the old one in ranges of a good size. Damaged where they lie in it as in no film,
    so that it would have to be read again and again."""
    yield await asyncio.to_thread(lambda: reel.header)
    read = 0
    for number, (low, high, wanted) in enumerate(_reads(reel)):
        read += high - low
        if number >= READS or read > TIMES * source.size:
            raise Damaged("absurd", f"> {READS} / {TIMES} × {source.size} B")
        data = await exactly(source, low, high - low)
        yield b"".join([data[start - low : end - low] for start, end in wanted])


def _reads(reel: Reel) -> Iterator[tuple[int, int, Sequence[tuple[int, int]]]]:
    """Ranges to be read one after the other, and the parts of each that are wanted."""
    wanted, low = list[tuple[int, int]](), 0
    for start, end in _pieces(reel):
        if wanted and not (low <= wanted[-1][1] <= start <= wanted[-1][1] + GAP and end - low <= PIECE):
            yield low, wanted[-1][1], wanted
            wanted = []
        low = low if wanted else start
        wanted.append((start, end))
    if wanted:
        yield low, wanted[-1][1], wanted


def _pieces(reel: Reel) -> Iterator[tuple[int, int]]:
    for start, length in zip(reel.starts, reel.lengths, strict=True):
        for at in range(start, start + length, PIECE):
            yield at, min(at + PIECE, start + length)


def _movie(strips: Sequence[Strip], before: int) -> bytes:
    whole = _full(b"mvhd", _ints(0, 0, 1000, 0, 0x10000, 0x1000000) + bytes(8) + MATRIX + bytes(24) + _ints(3))
    return _box(b"moov", whole, *(_track(strip, number, before) for number, strip in enumerate(strips, 1)))


MATRIX: Final = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _track(strip: Strip, number: int, before: int) -> bytes:
    track, seen = strip.track, strip.track.handler == b"vide"
    size = _ints(track.claimed.width << 16, track.claimed.height << 16)
    reference = _full(b"dref", _ints(1) + _full(b"url ", b"", 1))
    kind = _full(b"vmhd", bytes(8), 1) if seen else _full(b"smhd", bytes(4))
    media = _box(
        b"mdia",
        _full(b"mdhd", _ints(0, 0, _ticks(strip), 0, 0x55C40000)),
        _full(b"hdlr", _ints(0) + track.handler + bytes(13)),
        _box(b"minf", kind, _box(b"dinf", reference), _table(strip, before)),
    )
    return _box(b"trak", _full(b"tkhd", _ints(0, 0, number, 0, 0) + bytes(16) + MATRIX + size, 3), media)


def _ticks(strip: Strip) -> int:
    """A picture lasts a tick, so that it tells its number; sound lasts what it does."""
    track = strip.track
    if track.handler != b"vide":
        return track.timescale
    rate = round(len(track.samples.sizes) * track.timescale / max(1, track.samples.length))
    return min(max(1, rate), MOST_TICKS)


def _table(strip: Strip, before: int) -> bytes:
    samples = strip.track.samples
    seen = strip.track.handler == b"vide"
    times = _ints(1, strip.taken, 1) if seen else _rows(samples.counts, samples.lengths)
    return _box(
        b"stbl",
        _box(b"stsd", _described(strip.track)),
        _full(b"stts", times),
        *([_full(b"ctts", _turns(samples, strip.taken), VERSION_1)] if seen and samples.shifts else []),
        _full(b"stsc", _shared(strip)),
        _full(b"stsz", _ints(0, strip.taken) + _big(samples.sizes[: strip.taken])),
        _full(b"co64", _ints(len(strip.starts)) + _big(array("Q", (before + at for at in strip.starts)))),
    )


def _turns(samples: Samples, count: int) -> bytes:
    """In which order samples are shown: by so many ticks each is later than the one that is decoded then."""
    times = samples.shown()
    rows = array("I", [1]) * (2 * count)
    for place, number in enumerate(sorted(range(count), key=times.__getitem__)):
        rows[2 * number + 1] = (place - number) & 0xFFFFFFFF
    return _ints(count) + _big(rows)


def _described(track: Track) -> bytes:
    """The descriptions as they came, without what only serves to be printed."""
    data = bytearray(track.described.data if track.described else b"")
    at = 8
    while track.handler == b"vide" and at + COMPRESSOR.stop <= len(data):
        data[at + COMPRESSOR.start : at + COMPRESSOR.stop] = bytes(32)
        at += max(8, int.from_bytes(data[at : at + 4], "big"))
    return bytes(data)


def _shared(strip: Strip) -> bytes:
    """How many samples chunks have, told once for chunks in a row that are alike."""
    rows, chunk = array("I"), 1
    for (held, entry), alike in groupby(zip(strip.held, strip.entries, strict=True)):
        rows.extend((chunk, held, entry))
        chunk += sum(1 for _ in alike)
    return _ints(len(rows) // 3) + _big(rows)


def _rows(counts: Numbers, lengths: Numbers) -> bytes:
    rows = array("I", bytes(8 * len(counts)))
    rows[::2], rows[1::2] = array("I", counts), array("I", lengths)
    return _ints(len(counts)) + _big(rows)


def _big(numbers: Numbers) -> bytes:
    turned = array(numbers.typecode, numbers)
    turned.byteswap()
    return turned.tobytes()


def _box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)


def _full(kind: bytes, content: bytes, flags: int = 0) -> bytes:
    return _box(kind, _ints(flags), content)


def _ints(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
