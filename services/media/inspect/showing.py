"""What is shown of a track, and when: what its edit list makes of the moments its samples are shown at (ISO/IEC
14496-12, 8.6.6)."""

from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate

from services.media.inspect.tracks import Track


class Showing:
    """The moments of a track's media that are shown, in its own ticks: those an edit list names, or all."""

    def __init__(self, track: Track) -> None:
        self._second = track.timescale
        self.first, self.end = track.samples.span()
        self._edits = [(start, self._until(start, length)) for start, length in track.edits]
        spans = sorted(self._edits)
        self._starts = [start for start, _ in spans]
        self._ends = list(accumulate((end for _, end in spans), max))

    def _until(self, start: int, seconds: Fraction) -> Fraction:
        """Where an edit ends; 0 seconds are all that is left."""
        end = Fraction(self.end)
        return max(Fraction(start), min(end, start + seconds * self._second) if seconds else end)

    def __contains__(self, time: int) -> bool:
        at = bisect_right(self._starts, time) - 1
        return not self._starts or (at >= 0 and time < self._ends[at])

    @property
    def seconds(self) -> Fraction:
        """How long that lasts: no longer than all there is, however often an edit list shows it."""
        whole = Fraction(self.end - self.first)
        if self._edits:
            whole = min(whole, sum((end - start for start, end in self._edits), Fraction(0)))
        return whole / self._second

    def of(self, start: int, end: int) -> tuple[Fraction, Fraction]:
        """The same of a stretch; what an edit list makes of one that it cuts in two begins where its start is shown."""
        begins = self.at(start)
        return begins, max(begins, self.at(end))

    def at(self, time: int) -> Fraction:
        """Seconds from the first picture to when a moment is shown, or would be if it were."""
        before = Fraction(0)
        for start, end in self._spans():
            if start <= time <= end:
                return (before + time - start) / self._second
            before += end - start
        earlier = sum((min(end, Fraction(time)) - start for start, end in self._spans() if start < time), Fraction(0))
        return earlier / self._second

    def _spans(self) -> Iterator[tuple[Fraction, Fraction]]:
        """The edits in order, as far as there is anything to show."""
        for start, end in self._edits or [(self.first, Fraction(self.end))]:
            yield max(Fraction(start), Fraction(self.first)), max(end, Fraction(self.first))
