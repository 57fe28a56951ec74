"""The wall clock a child may use up: what is left when everything that is not its own doing is taken off."""

from pathlib import Path
from time import monotonic
from typing import Final

STEP: Final = 0.2
"""Seconds a child that is found working is given before it is looked at again."""
LATE: Final = 1.0
"""Seconds past a deadline at which nobody was there to look: this process had been stopped, as a whole machine or
container is when it is paused, and its children with it."""
HOPELESS: Final = 20
"""How many times its wall clock a child may last, whoever is slow. Past that, it is the machine that does not work."""


class Allowance:
    """Runs only while the child sleeps of its own accord. It does not while the child waits for input that the store
    has yet to give, or for its reader; nor while it works, or would if the machine let it: its CPU limit bounds that,
    so that a verdict does not depend on what else the machine has to do."""

    def __init__(self, pid: int, wall: float) -> None:
        self._wall = wall
        self._stat = Path(f"/proc/{pid}/stat")
        self._ticks = -1
        self._waited_for: set[str] = set()
        self._paused = 0.0
        self.deadline = monotonic() + wall
        self._last = monotonic() + HOPELESS * wall

    def pause(self, who: str) -> None:
        """From now on somebody else is slow."""
        if not self._waited_for:
            self._paused = monotonic()
        self._waited_for.add(who)

    def go_on(self, who: str) -> None:
        """Nothing is waited for from this one any more; it is the child's turn where that was the last."""
        if who in self._waited_for:
            self._waited_for.remove(who)
            self.deadline += 0 if self._waited_for else monotonic() - self._paused

    def spent(self) -> bool:
        """Whether a deadline that has passed is one; otherwise there is a later one now. TimeoutError where even that
        does not help."""
        now = monotonic()
        late = now - self.deadline > LATE
        if not self._waited_for:
            if not (late or self._works()):
                return True
            if now > self._last:
                raise TimeoutError("机器过慢 the machine is too slow")
        self.deadline, self._paused = now + (self._wall if late else STEP), now
        return False

    def _works(self) -> bool:
        """Whether it runs, is ready to, waits for a disk, was stopped by somebody, has ended and is only to be seen to,
        or one of its threads has worked since the last look."""
        try:
            state, *numbers = self._stat.read_text().rpartition(")")[2].split()
        except OSError:
            return True
        before, self._ticks = self._ticks, int(numbers[10]) + int(numbers[11])
        return state in "RDTZ" or self._ticks > before
