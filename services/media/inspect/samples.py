"""Where a track's samples lie and how long they last (ISO/IEC 14496-12, 8.6 to 8.8): sample tables and fragments."""

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, compress, islice, repeat
from operator import add, ge, mul, sub
from typing import Final, NamedTuple, TypeAlias

from services.media.inspect import bounds
from services.media.inspect.boxes import Box, Place
from services.media.inspect.models import Damaged

Numbers: TypeAlias = "array[int]"
REORDERED: Final = 32
"""Samples among which the one shown first is looked for."""
FEW: Final = 10
"""One sample in so many may look unlike the others: a title, or a slip of an editor."""
MOMENT: Final = 16
"""Bytes that no packet of sound is as short as; a moment of raw sound is."""
MOST: Final = 2**32 - 1
"""Ticks a sample may last."""
NOT_SYNC: Final = 0x10000
"""Sample flag: cannot be decoded without the samples before it."""


class Defaults(NamedTuple):
    """What a fragment's sample is like where nothing nearer says so: its description, length, size and flags."""

    entry: int
    length: int
    size: int
    flags: int


class Chunk(NamedTuple):
    """Samples that lie one after the other: where, the numbers of the first and of the one after the last, and which
    description is theirs."""

    start: int
    first: int
    end: int
    entry: int


@dataclass(slots=True)
class Samples:
    """The samples of one track in order, `counts` of them in a row lasting `lengths` each. `starts` are the places of
    the chunks they lie in, `firsts` the number of each chunk's first sample, `entries` the number of its description,
    from 1; `sync` the numbers of samples decoding can begin at, None where it can at all of them."""

    sizes: Numbers = field(default_factory=lambda: array("I"))
    starts: Numbers = field(default_factory=lambda: array("Q"))
    firsts: Numbers = field(default_factory=lambda: array("Q"))
    entries: Numbers = field(default_factory=lambda: array("I"))
    counts: Numbers = field(default_factory=lambda: array("I"))
    lengths: Numbers = field(default_factory=lambda: array("I"))
    sync: "Numbers | None" = None
    shifts: Numbers = field(default_factory=lambda: array("i"))
    """How much later than it is decoded each is shown; none where all are shown as they are decoded."""
    begin: int = 0
    """When the first is decoded."""
    end: int = 0
    """When the last has been decoded."""

    @property
    def length(self) -> int:
        """What all of them last."""
        return sum(map(mul, self.counts, self.lengths))

    def place(self, number: int) -> tuple[int, int]:
        """Where a sample begins, and its size."""
        chunk = bisect_right(self.firsts, number) - 1
        before = sum(self.sizes[self.firsts[chunk] : number])
        return self.starts[chunk] + before, self.sizes[number]

    def shown(self, first: int | None = None) -> Numbers:
        """When each of the first so many, or of all, is shown; that need not be the order they lie in."""
        lasting = chain.from_iterable(map(repeat, self.lengths, self.counts))
        times = accumulate(lasting, initial=self.begin)
        some = islice(times, len(self.sizes) if first is None else min(first, len(self.sizes)))
        return array("q", map(add, some, chain(self.shifts, repeat(0))) if self.shifts else some)

    def span(self, first: int | None = None) -> tuple[int, int]:
        """When the first so many, or all, begin to be shown, and when the one that is shown last has been."""
        times = self.shown(first)
        if not times:
            return self.begin, self.begin
        last = max(times)
        return min(times), last + self._lasts(len(times) - 1 - times[::-1].index(last))

    def _lasts(self, number: int) -> int:
        """How long a sample lasts."""
        return next(islice(chain.from_iterable(map(repeat, self.lengths, self.counts)), number, None))

    def chunks(self) -> Iterator[Chunk]:
        """The chunks in order."""
        ends = self.firsts[1:] + array("Q", [len(self.sizes)])
        yield from map(Chunk, self.starts, self.firsts, ends, self.entries)

    def described(self) -> set[int]:
        """The numbers of the descriptions that more than a few samples are of."""
        if len(set(self.entries)) < 2:
            return set(self.entries) or {1}
        of = Counter[int]()
        for chunk in self.chunks():
            of[chunk.entry] += chunk.end - chunk.first
        return {entry for entry, count in of.items() if count * FEW > len(self.sizes)} or set(of)

    def astray(self, data: Sequence[Place]) -> int:
        """How many chunks do not lie whole in any of the file's data; `data` in order."""
        begins = [place.start for place in data]
        sums = array("Q", accumulate(self.sizes, initial=0))
        ends = self.firsts[1:] + array("Q", [len(self.sizes)])
        astray = 0
        for start, first, end in zip(self.starts, self.firsts, ends, strict=True):
            at = bisect_right(begins, start) - 1
            astray += at < 0 or start + sums[end] - sums[first] > data[at].end
        return astray


def from_table(table: Box) -> Samples:
    """The samples a track's `stbl` lists. Damaged where its boxes contradict each other."""
    times = table.need(b"stts")
    rows = times.numbers("I", 8, 2 * times.field("I", 4))
    counts, lengths, sizes = rows[::2], rows[1::2], _sizes(table)
    if (left := len(sizes) - sum(counts)) < 0:
        raise Damaged("missing-samples", f"{len(sizes)} / {sum(counts)}")
    if left:  # players let the others last as long as the last that is told of
        counts.append(left)
        lengths.append(lengths[-1] if lengths else 0)
    starts, firsts, entries = _chunks(table, len(sizes)) if sizes else (array("Q"), array("Q"), array("I"))
    samples = Samples(
        sizes, starts, firsts, entries, counts, lengths, _sync(table, len(sizes)), _shifts(table, len(sizes))
    )
    samples.end = samples.length
    return samples


def from_sound(table: Box, packets: bool) -> Samples:
    """The same of a track of sound. Where it does not come in packets, its samples are all of one size, that of a
    moment, and too many to list: none, but where chunks of them begin."""
    box = table.find(b"stsz")
    each = box.field("I", 4) if box else 0
    if not each or (packets and each > MOMENT):
        return from_table(table)
    starts, held, entries = _spans(table)
    starts = array("Q", compress(starts, held))
    return Samples(
        starts=starts, firsts=array("Q", bytes(8 * len(starts))), entries=array("I", compress(entries, held))
    )


def _sizes(table: Box) -> Numbers:
    if box := table.find(b"stsz"):
        each, count = box.fields("II", 4)
        _admit(count)
        return array("I", [each]) * count if each else box.numbers("I", 12, count)
    if box := table.find(b"stz2"):
        width, count = box.field("B", 7), box.field("I", 8)
        _admit(count)
        if width == 4:
            return array("I", [n for (both,) in box.table("B", 12, (count + 1) // 2) for n in (both >> 4, both & 15)])
        return array("I", [n for (n,) in box.table({8: "B", 16: "H"}.get(width, "I"), 12, count)])
    return array("I")


def _admit(count: int) -> None:
    if count > bounds.SAMPLES:
        raise Damaged("absurd", f"{count} samples")


def _spans(table: Box) -> tuple[Numbers, Numbers, Numbers]:
    """Places of the chunks, how many samples each holds, and of which description."""
    box = table.find(b"stco") or table.need(b"co64")
    _admit(box.field("I", 4))
    starts = box.numbers("I" if box.kind == b"stco" else "Q", 8, box.field("I", 4))
    shared = table.need(b"stsc")
    rows = shared.numbers("I", 8, 3 * shared.field("I", 4))
    edges = array("Q", [*rows[::3], len(starts) + 1])
    if edges[0] != 1 or any(map(ge, edges, edges[1:])):
        raise Damaged("damaged", f"stsc: {len(starts)} chunks")
    spans = list(map(sub, edges[1:], edges))
    held, entries = (array("I", chain.from_iterable(map(repeat, rows[of::3], spans))) for of in (1, 2))
    return starts, held, entries


def _chunks(table: Box, count: int) -> tuple[Numbers, Numbers, Numbers]:
    """Places of the chunks, the number of each one's first sample, and its description. Samples beyond the last one's
    are not there."""
    starts, held, entries = _spans(table)
    firsts = array("Q", accumulate(held, initial=0))
    if firsts[-1] < count:
        raise Damaged("missing-samples", f"{firsts[-1]} / {count}")
    firsts = firsts[: bisect_left(firsts, count)]
    if 0 in held:  # chunks of no samples, which shift those behind them
        starts, firsts, entries = (array(of.typecode, compress(of, held)) for of in (starts, firsts, entries))
    return array("Q", starts[: len(firsts)]), firsts, entries[: len(firsts)]


def _sync(table: Box, count: int) -> "Numbers | None":
    box = table.find(b"stss")
    return array("I", (n - 1 for n in box.numbers("I", 8, box.field("I", 4)) if 0 < n <= count)) if box else None


def _shifts(table: Box, count: int) -> Numbers:
    """How long after its decoding each sample is shown (8.6.1.3)."""
    box, shifts = table.find(b"ctts"), array("i")
    for alike, shift in box.table("Ii", 8, box.field("I", 4)) if box else ():
        shifts.extend(array("i", [shift]) * min(alike, count - len(shifts)))
    return shifts


def add_fragment(samples: Samples, header: Box, runs: Iterable[Box], given: Defaults, start: int, after: int) -> int:
    """Add the `runs` of a movie fragment at `start` that belong to a track, by their `tfhd`; `after` is where the data
    of the one before them ends. Where their own data ends."""
    base, given = _header(header, given, start, after)
    at = base
    for run in runs:
        at = _add_run(samples, run, given, base, at)
    return at


def wait(samples: Samples, time: Box) -> None:
    """Let the last of the samples stand until what comes next is decoded, which a `tfdt` says (8.8.12); a film may
    begin at any time."""
    begin = time.field("Q" if time.version() else "I", 4)
    if not samples.sizes:
        samples.begin = samples.end = begin
    if not samples.counts or (gap := begin - samples.end) <= 0:
        return
    if (lasts := samples.lengths[-1] + gap) > MOST:
        raise Damaged("absurd", f"tfdt {begin}")
    samples.counts[-1] -= 1
    samples.counts.append(1)
    samples.lengths.append(lasts)
    samples.end = begin


def _header(header: Box, given: Defaults, start: int, after: int) -> tuple[int, Defaults]:
    """Where offsets count from, and the defaults (8.8.7)."""
    flags, at = header.flags(), 8
    base = start if flags & 0x20000 else after
    if flags & 0x1:
        base, at = header.field("Q", at), at + 8
    values = list(given)
    for index, flag in enumerate((0x2, 0x8, 0x10, 0x20)):
        if flags & flag:
            values[index], at = header.field("I", at), at + 4
    return base, Defaults(*values)


def _add_run(samples: Samples, run: Box, given: Defaults, base: int, at: int) -> int:
    """Add one `trun` (8.8.8). Where its data ends."""
    flags, count = run.flags(), run.field("I", 4)
    _admit(len(samples.sizes) + count)
    start = base + run.field("i", 8) if flags & 0x1 else at
    if start < 0:
        raise Damaged("damaged", f"trun @{start}")
    columns = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    rows = run.numbers("I", 8 + 4 * bool(flags & 0x1) + 4 * bool(flags & 0x4), count * len(columns))
    said = {flag: rows[n :: len(columns)] for n, flag in enumerate(columns)}
    sizes = said.get(0x200) or array("I", [given.size]) * count
    kinds = said.get(0x400) or array("I", [given.flags]) * count
    if flags & 0x4 and count:
        kinds[0] = run.field("I", 8 + 4 * bool(flags & 0x1))
    if count:
        samples.starts.append(start)
        samples.firsts.append(len(samples.sizes))
        samples.entries.append(given.entry)
    _add_sync(samples, kinds)
    _add_shifts(samples, said.get(0x800, array("I")))
    samples.sizes.extend(sizes)
    lengths = said.get(0x100)
    samples.counts.extend(array("I", [count]) if lengths is None else array("I", [1]) * count)
    samples.lengths.extend(array("I", [given.length]) if lengths is None else lengths)
    samples.end += given.length * count if lengths is None else sum(lengths)
    return start + sum(sizes)


def _add_shifts(samples: Samples, said: Numbers) -> None:
    """Signed, whatever version a run is of: none is shown so late that it matters."""
    if said:
        samples.shifts.extend(array("i", bytes(4 * (len(samples.sizes) - len(samples.shifts)))))
        samples.shifts.frombytes(said.tobytes())


def _add_sync(samples: Samples, kinds: Numbers) -> None:
    before = len(samples.sizes)
    if samples.sync is None:
        samples.sync = array("I", range(before))
    samples.sync.extend(before + n for n, kind in enumerate(kinds) if not kind & NOT_SYNC)
