"""The same rules on a short timeline, so that a campaign can be run through from beginning to end today."""

from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeVar

from contracts.ids import CampaignId
from contracts.rulebook.calendar import PhaseId
from contracts.rulebook.loader import dump, parse
from contracts.rulebook.moment import Moment, Window
from contracts.rulebook.rulebook import Rulebook

SUFFIX = "-rehearsal"
Timeline = list[tuple[datetime, datetime]]
"""Instants of the real calendar, ascending, each with the instant it is rehearsed at."""
AnyWindow = TypeVar("AnyWindow", bound=Window)


def rehearsal(
    rulebook: Rulebook,
    opens: datetime,
    lasts: timedelta,
    *,
    phases: Mapping[PhaseId, tuple[timedelta, timedelta]] | None = None,
    grace: timedelta | None = None,
) -> Rulebook:
    """The rulebook with its id ending in `-rehearsal` and its calendar moved to `opens` (aware) and the time after it.

    Openings and closings keep their order and what coincides still does; they follow each other at equal distances
    over `lasts`. `phases` places phases by hand instead: (opens, closes) counted from `opens`. `grace` becomes the
    drain, the time to mend what was returned and to decide on held ballots; by default half the distance between two
    steps.
    Times are cut to whole seconds. RulebookRefused where the new calendar contradicts itself or the rules.
    """
    if opens.tzinfo is None:
        raise ValueError("opens must be aware: a rehearsal, too, runs by one clock")
    steps = sorted({moment.instant for window in rulebook.phases for moment in (window.opens, window.closes)})
    step = lasts / (len(steps) - 1)
    timeline = [(real, opens + number * step) for number, real in enumerate(steps)]
    by_hand = {phase: (opens + start, opens + end) for phase, (start, end) in (phases or {}).items()}
    stage = _Stage(rulebook, timeline, by_hand, step / 2 if grace is None else grace)
    return parse(dump(stage.rulebook()), f"rehearsal of {rulebook.id}")


class _Stage:
    """Moves the parts of one rulebook that speak of time."""

    def __init__(
        self,
        rulebook: Rulebook,
        timeline: Timeline,
        by_hand: Mapping[PhaseId, tuple[datetime, datetime]],
        grace: timedelta,
    ) -> None:
        self.real = rulebook
        self.timeline = timeline
        self.by_hand = by_hand
        self.grace = timedelta(seconds=grace // timedelta(seconds=1))

    def rulebook(self) -> Rulebook:
        """The whole rulebook, moved; not yet checked."""
        title = self.real.title
        return self.real.model_copy(
            update={
                "id": CampaignId(self.real.id + SUFFIX),
                "title": title.model_copy(update={"zh": f"{title.zh}（演练）", "en": f"{title.en} (rehearsal)"}),
                "phases": tuple(self.window(each, self.during(each.id)) for each in self.real.phases),
                "drain": self.grace if self.real.drain else self.real.drain,
                **self.deadlines(),
                **self.voting(),
            }
        )

    def deadlines(self) -> dict[str, object]:
        """What hangs on deadlines: mending, reports, reminders."""
        chain, reports, notices = self.real.review_chain, self.real.reports, self.real.notices
        again = [each.resubmission and each.resubmission.model_copy(update={"within": self.grace}) for each in chain]
        dues = [each.due and self.moment(each.due, self.timeline) for each in reports]
        befores = [each.before and self.shrunk(each.before, "submission") for each in notices]
        return {
            "review_chain": tuple(
                each.model_copy(update={"resubmission": new}) for each, new in zip(chain, again, strict=True)
            ),
            "reports": tuple(each.model_copy(update={"due": new}) for each, new in zip(reports, dues, strict=True)),
            "notices": tuple(
                each.model_copy(update={"before": new}) for each, new in zip(notices, befores, strict=True)
            ),
        }

    def voting(self) -> dict[str, object]:
        """The vote, within its moved phase."""
        if (voting := self.real.voting) is None:
            return {}
        during = self.during("voting")
        moved = {
            "windows": tuple(self.window(window, during) for window in voting.windows),
            "hide_ranking_for_last": self.shrunk(voting.hide_ranking_for_last, "voting"),
            "signals": voting.signals and voting.signals.model_copy(update={"decide_within": self.grace}),
        }
        return {"voting": voting.model_copy(update=moved)}

    def during(self, phase: PhaseId) -> Timeline:
        """The timeline inside a phase: its own where it was placed by hand."""
        window = self.real.phase(phase)
        if window is None or phase not in self.by_hand:
            return self.timeline
        return list(zip((window.opens.instant, window.closes.instant), self.by_hand[phase], strict=True))

    def window(self, window: AnyWindow, timeline: Timeline) -> AnyWindow:
        moved = {"opens": self.moment(window.opens, timeline), "closes": self.moment(window.closes, timeline)}
        return window.model_copy(update=moved)

    def moment(self, moment: Moment, timeline: Timeline) -> Moment:
        return Moment(moved(moment.instant, timeline).astimezone(self.real.zone).replace(microsecond=0).isoformat())

    def shrunk(self, span: timedelta, phase: PhaseId) -> timedelta:
        """A span before the end of a phase, as long in proportion as it was; at least one millisecond."""
        if (window := self.real.phase(phase)) is None or not span:
            return span
        end, during = window.closes.instant, self.during(phase)
        length = moved(end, during) - moved(end - span, during)
        return max(length // timedelta(milliseconds=1), 1) * timedelta(milliseconds=1)


def moved(instant: datetime, timeline: Timeline) -> datetime:
    """Where an instant lies on the rehearsed timeline; what lies outside becomes its nearer end."""
    after = bisect_right([real for real, _ in timeline], instant)
    if after in (0, len(timeline)):
        return timeline[min(after, len(timeline) - 1)][1]
    (real, to), (next_real, next_to) = timeline[after - 1], timeline[after]
    return to + (instant - real) / (next_real - real) * (next_to - to)
