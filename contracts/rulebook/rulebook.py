"""A campaign's rules as data, and the decisions that follow from them and the time alone."""

import hashlib
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Literal, Never
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from contracts.canonical import canonical_json
from contracts.ids import CampaignId, Revision, SlotId, TrackId
from contracts.rulebook.applicants import Applicants
from contracts.rulebook.calendar import Phase, PhaseId
from contracts.rulebook.clause import Clause, Text
from contracts.rulebook.duties import Activity, CoverageGoal, Duty, NoticeRule, Report, Roster
from contracts.rulebook.honours import Award, Scoring
from contracts.rulebook.material import Slot
from contracts.rulebook.measures import Span
from contracts.rulebook.moment import Window
from contracts.rulebook.review import Quota, Recommender, ReviewStep
from contracts.rulebook.tracks import Track
from contracts.rulebook.voting import Voting


class Rulebook(Clause):
    """Everything one campaign lays down. Made by the loader, which also checks the parts against each other."""

    id: Annotated[CampaignId, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]
    title: Text
    organiser: Text
    time_zone: str
    """IANA name; a voter's day and what people read follow it."""
    applicants: Applicants
    tracks: tuple[Track, ...] = ()
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]
    drain: Span = timedelta(0)
    """How long after the submission deadline bytes may arrive for tickets taken before it."""
    review_chain: tuple[ReviewStep, ...] = ()
    recommenders: tuple[Recommender, ...] = ()
    quotas: tuple[Quota, ...] = ()
    voting: Voting | None = None
    scoring: Scoring | None = None
    awards: tuple[Award, ...] = ()
    activities: tuple[Activity, ...] = ()
    reports: tuple[Report, ...] = ()
    coverage: tuple[CoverageGoal, ...] = ()
    duties: tuple[Duty, ...] = ()
    rosters: tuple[Roster, ...] = ()
    notices: tuple[NoticeRule, ...] = ()

    @cached_property
    def revision(self) -> Revision:
        """SHA-256 of what the rulebook says. Comments, order of keys and defaults written out do not change it."""
        said = self.model_dump(mode="json", exclude_defaults=True)
        return hashlib.sha256(canonical_json(said)).hexdigest()

    @cached_property
    def zone(self) -> ZoneInfo:
        """The time zone people live the campaign in."""
        return ZoneInfo(self.time_zone)

    def track(self, track: TrackId) -> Track:
        """The track of an id; KeyError where the campaign has none."""
        return next((each for each in self.tracks if each.id == track), None) or _unknown("track", track)

    def slot(self, track: TrackId, slot: SlotId) -> Slot:
        """The slot of a track; KeyError where it has none."""
        return next((each for each in self.track(track).slots if each.id == slot), None) or _unknown("slot", slot)

    def phase(self, phase: PhaseId) -> Phase | None:
        """The phase of an id, where the campaign has it."""
        return next((each for each in self.phases if each.id == phase), None)

    def phases_at(self, now: datetime) -> tuple[Phase, ...]:
        """All phases open at an instant, in the order written."""
        return tuple(each for each in self.phases if each.holds(now))

    def phase_at(self, now: datetime) -> Phase | None:
        """The phase a campaign is in: of those open, the one that opened last, and of these the last written."""
        return max(self.phases_at(now), key=lambda each: (each.opens.instant, self.phases.index(each)), default=None)

    def in_phase(self, phase: PhaseId, now: datetime) -> bool:
        """Whether a phase is open; False where the campaign does not have it."""
        return any(each.id == phase for each in self.phases_at(now))

    def mend_by(self, subject: Literal["certification", "entry"], returned_at: datetime) -> datetime | None:
        """Until when what is returned at an instant may be mended and sent again; None where it may not be. Tickets
        are taken before it, as before any deadline."""
        step = next((each for each in self.review_chain if each.subject == subject and each.resubmission), None)
        if step is None or step.resubmission is None:
            return None
        last = [phase for phase in self.phases if phase.id == step.phase]
        if not step.resubmission.open_after_deadline:
            last += [phase for phase in self.phases if phase.id == "submission"]
        return min(returned_at + step.resubmission.within, *(phase.closes.instant for phase in last))

    def accepts_tickets(self, now: datetime, mend_by: datetime | None = None) -> bool:
        """Whether an upload ticket may be taken, and an entry submitted: while submission is open, or for a returned
        entry before its own `mend_by`."""
        submission = self.phase("submission")
        return (submission is not None and submission.holds(now)) or (mend_by is not None and now < mend_by)

    def accepts_bytes(self, taken_at: datetime, now: datetime, mend_by: datetime | None = None) -> bool:
        """Whether bytes for a ticket taken at `taken_at` may still be completed: until the drain has passed after
        the deadline the ticket was taken under."""
        if taken_at > now or not self.accepts_tickets(taken_at, mend_by):
            return False
        submission = self.phase("submission")
        ends = [submission.closes.instant] if submission and submission.holds(taken_at) else []
        if mend_by is not None and taken_at < mend_by:
            ends.append(mend_by)
        return now < max(ends) + self.drain

    def most_recommended(self, track: TrackId, recommender: str | None = None) -> int | None:
        """How many entries of a track a province may recommend, or one recommender of a kind; None: no quota."""
        for quota in self.quotas:
            if quota.track == track and (quota.kind if quota.per == "recommender" else None) == recommender:
                return quota.max
        return None

    def vote_window(self, now: datetime) -> Window | None:
        """The voting window an instant lies in."""
        for window in (
            self.voting.windows if self.voting else ()
        ):  # asked for every ballot: a generator costs half of it
            if window.holds(now):
                return window
        return None

    def voting_day(self, now: datetime) -> date:
        """The calendar day, in the campaign's time zone, that a ballot counts for."""
        return now.astimezone(self.zone).date()

    def shows_ranking(self, now: datetime) -> bool:
        """Whether the ranking may be shown: not in the last hours the rulebook hides it for."""
        if self.voting is None:
            return True
        end = self.voting.windows[-1].closes.instant
        return not end - self.voting.hide_ranking_for_last <= now < end


def _unknown(kind: str, wanted: str) -> Never:
    raise KeyError(f"the rulebook has no {kind} {wanted!r}")
