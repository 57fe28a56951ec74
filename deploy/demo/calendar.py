"""The campaign's own rulebook on a calendar of seconds, under an id no run before has used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from contracts.ids import CampaignId
from contracts.rulebook import SHIPPED, Rulebook, dump, load, parse, rehearsal
from contracts.rulebook.calendar import PhaseId
from contracts.rulebook.review import ReviewStep

CAMPAIGN: Final = "cloud-studio-2023"
HOUR_S: Final = 3600
PHASES_S: Final[Mapping[PhaseId, tuple[int, int]]] = {
    "registration": (0, 60),
    "submission": (0, 60),
    "screening": (0, 68),
    "voting": (0, 68),
    "evaluation": (68, HOUR_S),
    "publication": (68, HOUR_S),
}
"""When each phase opens and closes, in seconds, for 77 studios on two cores. The public votes as soon as
all is screened, while submission is still open: who is slow has time, who is fast waits for the vote to close only."""
DRAIN_S: Final = 3
"""How long bytes may still arrive after the deadline."""
MEND_S: Final = 40
"""How long a studio has to mend what came back, as far as the phase goes on."""


@dataclass(frozen=True)
class Calendar:
    """When a rehearsal begins and how slowly it goes: at pace 2 every phase lasts twice as long."""

    begins: datetime
    pace: float = 1.0
    lead_s: float = 0.0
    """How long the services take to be there: added to whatever does not open at once."""

    def rulebook(self) -> Rulebook:
        """The 2023 rules on this calendar; the id says when it began."""
        phases = {phase: (self._moment(opens), self._moment(closes)) for phase, (opens, closes) in PHASES_S.items()}
        moved = rehearsal(
            load(SHIPPED / f"{CAMPAIGN}.yaml"),
            self.begins,
            self._moment(HOUR_S),
            phases=phases,
            grace=self._span(DRAIN_S),
        )
        campaign = CampaignId(f"{moved.id}-{self.begins:%Y%m%d-%H%M%S}")
        chain = tuple(self._with_time_to_mend(step) for step in moved.review_chain)
        moved = moved.model_copy(update={"id": campaign, "review_chain": chain})
        return parse(dump(moved), f"rehearsal of {CAMPAIGN}")

    def _with_time_to_mend(self, step: ReviewStep) -> ReviewStep:
        if step.resubmission is None:
            return step
        again = step.resubmission.model_copy(update={"within": self._span(MEND_S)})
        return step.model_copy(update={"resubmission": again})

    def _moment(self, seconds: float) -> timedelta:
        return timedelta(seconds=round(seconds * self.pace + self.lead_s)) if seconds else timedelta()

    def _span(self, seconds: float) -> timedelta:
        return timedelta(seconds=round(seconds * self.pace))


def write(rulebook: Rulebook, folder: Path) -> None:
    """Put a rulebook where services look for theirs when they start."""
    (folder / f"{rulebook.id}.yaml").write_text(dump(rulebook), encoding="utf-8")
