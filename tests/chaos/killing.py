"""Runs a scenario without a crash, then once for each crash point it passed, and compares what exists afterwards."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.crash import POINTS
from tests.chaos.child import NEVER
from tests.chaos.lane import Lane, until
from tests.chaos.ledger import Census, Effects, difference, effects
from tests.chaos.scenarios import Act, Scenario

DIED = 137
EVERY_PASS = frozenset({"written", "committed"})
"""Points that are killed at each time they are passed, where a scenario is looked at closely; else the first time."""
SOON_S = 30.0
"""When everything is settled, what background tasks still have to do is done within this."""


@dataclass(frozen=True)
class Reference:
    """What a scenario passes and does when nothing dies."""

    passed: Counter[str]
    effects: Effects

    def points(self, closely: bool) -> Sequence[str]:
        """Where it can be killed."""
        often = EVERY_PASS if closely else frozenset()
        passes = {point: self.passed[point] if point in often else min(1, self.passed[point]) for point in POINTS}
        return [f"{point}:{n}" for point, count in passes.items() for n in range(1, count + 1)]


@dataclass(frozen=True)
class Death:
    """One scenario, killed at one point, and what must exist afterwards."""

    label: str
    scenario: Scenario
    at: str
    expected: Effects


class Killer:
    """Plays scenarios in one lane, one after the other."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._last: Census | None = None
        self.faults: list[str] = []

    async def reference(self, label: str, scenario: Scenario) -> Reference:
        """The scenario with nobody dying."""
        act, before = await self._prepared(label, scenario)
        self._lane.alive.arm(f"published:{NEVER}")  # passed by the relay only where a process is to die there
        await act()
        await self._lane.settle()
        self._last = await self._lane.census()
        played = Reference(self._lane.alive.passed(), effects(before, self._last))
        if not played.passed["committed"] or not played.effects:
            self.faults.append(f"{label}: has no effect, so it shows nothing: {self._lane.last_words()}")
        self._note_parked(label, before, self._last)
        return played

    async def die(self, death: Death) -> None:
        """The scenario with a death at one point and a new start."""
        label = f"{death.label} at {death.at}"
        act, before = await self._prepared(label, death.scenario)
        self._lane.alive.arm(death.at)
        await act()
        code = await self._lane.alive.death()
        if code != DIED:
            self.faults.append(f"{label}: ended with {code} instead of dying there: {self._lane.last_words()}")
            self._lane.alive.kill()
        await self._lane.restart()
        try:
            await self._lane.settle()
        except TimeoutError as error:
            raise AssertionError(f"{label}: {error}") from None
        await until(lambda: self._shows(before, death.expected), SOON_S)
        await self._lane.settle()
        self._last = await self._lane.census()
        self.faults += [f"{label}: {each}" for each in difference(death.expected, effects(before, self._last))]
        self._note_parked(label, before, self._last)
        self._note_repeats(label, before, self._last)

    async def close(self) -> None:
        """See that nothing came late, and that nobody told what no transaction wrote."""
        await self._note_late("the end")
        if strangers := await self._lane.strangers():
            self.faults.append(f"told by nobody: {sorted(strangers)}")
        self.faults += [f"vote told {times} times: {each}" for each, times in self._lane.votes.items() if times > 1]

    async def _prepared(self, label: str, scenario: Scenario) -> tuple[Act, Census]:
        await self._note_late(label)
        act = await scenario(self._lane)
        await self._lane.settle()
        return act, await self._lane.census()

    async def _shows(self, before: Census, expected: Effects) -> bool:
        return effects(before, await self._lane.census()) == expected

    async def _note_late(self, label: str) -> None:
        if self._last is not None and (late := effects(self._last, await self._lane.census())):
            self.faults.append(f"before {label}: changed after everything had settled: {list(late)}")

    def _note_parked(self, label: str, before: Census, after: Census) -> None:
        parked = [after[key] for key in after.keys() - before.keys() if key[0] == "parked"]
        self.faults += [f"{label}: parked: {row['reason']}" for row in parked]

    def _note_repeats(self, label: str, before: Census, after: Census) -> None:
        """An event whose relay was killed between confirm and mark is there twice, or the point shows nothing."""
        told = [row_id for collection, row_id in after.keys() - before.keys() if collection == "outbox"]
        if " at confirmed" in label and told and max(self._lane.log[each] for each in told) < 2:
            self.faults.append(f"{label}: was not told again, so the window was not hit")


async def kill_everywhere(
    lanes: Sequence[Lane], scenarios: Mapping[str, Scenario], unless_committed: bool = False
) -> tuple[int, list[str]]:
    """Every scenario killed at every point it passes, in lanes side by side: how many deaths, and what was wrong.

    `unless_committed`: nobody repeats the act, so what is killed before its first commit leaves nothing. Of hearers the
    first is looked at closely; what a process does later, whatever made it begin, is the same for the others.
    """
    killers = [Killer(lane) for lane in lanes]
    deaths: list[Death] = []
    for label, scenario in scenarios.items():
        played = await killers[0].reference(label, scenario)
        for at in played.points(closely=unless_committed or label == next(iter(scenarios))):
            nothing = unless_committed and at == "written:1"
            deaths.append(Death(label, scenario, at, Counter() if nothing else played.effects))
    left = list(reversed(deaths))

    async def work(killer: Killer) -> None:
        while left:
            await killer.die(left.pop())
        await killer.close()

    await asyncio.gather(*map(work, killers))
    return len(deaths), [fault for killer in killers for fault in killer.faults]
