"""Who does what in the demo: the same for every run with as many units."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from contracts.ids import ThemeId
from contracts.rulebook import Rulebook
from deploy.demo.packages import GOOD, WRONG, Kind
from deploy.demo.units import Unit

TRACK: Final = "theme-video"
SLOT: Final = "video"
RETURNED_FORMS: Final = 4
"""Every so many studios' form comes back once."""
RETURNED_ENTRIES: Final = 6
SECOND_ENTRIES: Final = 9
WRONG_PACKAGES: Final = 8
LARGE_PACKAGES: Final = 16


@dataclass(frozen=True)
class EntryPlan:
    """One entry: its theme, what is uploaded first, and what becomes of it."""

    theme: ThemeId
    title: str
    first: Kind
    then: Kind
    """What is uploaded when the first was wrong or came back."""
    comes_back: bool
    cut: bool
    """The upload breaks off in the middle and is resumed."""


@dataclass(frozen=True)
class StudioPlan:
    """One studio's part."""

    unit: Unit
    form_comes_back: bool
    entries: tuple[EntryPlan, ...]


def plan(units: Sequence[Unit], rulebook: Rulebook) -> tuple[StudioPlan, ...]:
    """Spread themes, awkward packages, mistakes and returns evenly over the units."""
    themes = rulebook.tracks[0].themes
    good, wrong = cycle(GOOD), cycle(WRONG)
    plans = []
    for unit in units:
        entries = []
        for nth in range(2 if unit.number % SECOND_ENTRIES == 0 else 1):
            theme = themes[(unit.number + nth) % len(themes)]
            first: Kind = next(good)
            large = nth == 0 and unit.number % LARGE_PACKAGES == 1
            if nth == 0 and unit.number % WRONG_PACKAGES == 2:
                first = next(wrong)
            entries.append(
                EntryPlan(
                    theme=theme.id,
                    title=f"{theme.title.zh}：{unit.name}的科学活动",
                    first="large" if large else first,
                    then="plain",
                    comes_back=nth == 0 and unit.number % RETURNED_ENTRIES == 3,
                    cut=unit.number == 1 and nth == 0,
                )
            )
        plans.append(StudioPlan(unit, unit.number % RETURNED_FORMS == 0, tuple(entries)))
    return tuple(plans)
