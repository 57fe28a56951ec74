"""What is shown of a track, and when: what its edit list makes of the moments its samples are shown at (ISO/IEC
14496-12, 8.6.6)."""

from bisect import bisect_right
from fractions import Fraction
from itertools import accumulate

from services.media.inspect.tracks import EMPTY, Track


class Showing:
    """The moments of a track's media that are shown, in its own ticks: those an edit list names, or all."""

    def __init__(self, track: Track) -> None:
        self._second = track.timescale
        self.first, self.end = track.samples.span()
        self._edits = [(start, self._until(start, seconds)) for start, seconds in track.edits]
        self._shown = sorted(edit for edit in self._edits if edit[0] != EMPTY)
        self._starts = [start for start, _ in self._shown]
        self._ends = list(accumulate((end for _, end in self._shown), max))

    def _until(self, start: int, seconds: Fraction) -> Fraction:
        """Where an edit ends; 0 seconds are all that is left."""
        if start == EMPTY:
            return start + seconds * self._second
        end = Fraction(self.end)
        return max(Fraction(start), min(end, start + seconds * self._second) if seconds else end)

    def __contains__(self, time: int) -> bool:
        at = bisect_right(self._starts, time) - 1
        return not self._starts or (at >= 0 and time < self._ends[at])

    @property
    def seconds(self) -> Fraction:
        """How long that lasts: no longer than all there is, however often an edit list shows it."""
        whole = Fraction(self.end - self.first)
        if self._shown:
            whole = min(whole, sum((end - start for start, end in self._shown), Fraction(0)))
        return whole / self._second

    def of(self, start: int, end: int) -> tuple[Fraction, Fraction]:
        """When a stretch is shown. Of one that is cut into several it begins where its start is shown."""
        begins = self.at(start)
        return begins, max(begins, self.at(end))

    def at(self, time: int) -> Fraction:
        """The second of the film, as players count, in which a moment is shown or, where it is not, what lies before it
        has been."""
        time = min(max(time, self.first), self.end)
        if not self._shown:
            return Fraction(time - self.first, self._second)
        past = before = Fraction(0)
        for start, end in self._edits:
            begins = start if start == EMPTY else max(start, self.first)
            if start != EMPTY and begins <= time <= end:
                return (past + time - begins) / self._second
            past += max(end - begins, Fraction(0))
            before = past if end < time else before
        return before / self._second
