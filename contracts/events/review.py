"""What review tells: what provinces decided, what experts scored, what was awarded and published."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from contracts.events.event import Event, Fact
from contracts.ids import (
    AccountId,
    AwardId,
    CampaignId,
    City,
    EntryId,
    Province,
    Revision,
    SlotId,
    StudioId,
    ThemeId,
    TrackId,
)


class StudioSubject(Fact):
    """The decision is about a studio's certification."""

    kind: Literal["studio"] = "studio"
    studio: StudioId
    account: AccountId
    name: str
    attempt: int
    revisions: tuple[Revision, ...] = ()
    """The rulebooks the decision was made under: all that certified studios at that time."""


class EntrySubject(Fact):
    """The decision is about an entry."""

    kind: Literal["entry"] = "entry"
    entry: EntryId
    studio: StudioId
    account: AccountId
    studio_name: str
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None = None
    title: str
    attempt: int


Subject = Annotated[StudioSubject | EntrySubject, Field(discriminator="kind")]


class Reason(Fact):
    """Why something came back, tied to a rule, a field or a file."""

    code: str
    about: str
    """The rule, form field or file that has to be mended: `slot:video`, `field:unit.name`."""
    text: str


class ProvinceApproved(Event, topic="review.province_approved.v1", subject="about"):
    """A province's admin approved a studio or an entry."""

    about: Subject
    province: Province
    city: City
    by: AccountId

    @property
    def subject(self) -> str:
        return subject_of(self.about)


class ProvinceReturned(Event, topic="review.province_returned.v1", subject="about"):
    """A province's admin sent a studio's form or an entry back to be mended by `mend_by`."""

    about: Subject
    province: Province
    city: City
    by: AccountId
    reasons: Annotated[tuple[Reason, ...], Field(min_length=1)]
    reopened_slots: tuple[SlotId, ...] = ()
    """The slots new material may be uploaded for, after the campaign's deadline too, until `mend_by`."""
    mend_by: AwareDatetime | None = None
    """None: it cannot be handed in again."""

    @property
    def subject(self) -> str:
        return subject_of(self.about)


def subject_of(about: StudioSubject | EntrySubject) -> str:
    """`studio/…` or `entry/…`: decisions share their order with what the studio or the entry itself tells."""
    match about:
        case StudioSubject():
            return f"studio/{about.studio}"
        case EntrySubject():
            return f"entry/{about.entry}"


class ScoreGiven(Event, topic="review.score_given.v1", subject="studio"):
    """An expert scored a studio in one dimension of the rulebook, 0 to 100."""

    studio: StudioId
    campaign: CampaignId
    revision: Revision
    dimension: str
    score: Annotated[float, Field(ge=0, le=100)]
    by: AccountId


class AwardGranted(Event, topic="review.award_granted.v1", subject="campaign"):
    """A studio, unit or person won an award of the rulebook."""

    campaign: CampaignId
    revision: Revision
    award: AwardId
    title: str
    rank: int
    entry: EntryId | None = None
    studio: StudioId | None = None
    account: AccountId | None = None
    votes: int | None = None


class Ranked(Fact):
    """One line of a published result."""

    rank: int
    entry: EntryId
    studio: StudioId
    title: str
    studio_name: str
    votes: int


class ResultsPublished(Event, topic="review.results_published.v1", subject="campaign"):
    """A campaign's results were frozen and published."""

    campaign: CampaignId
    revision: Revision
    results: tuple[Ranked, ...]
    tally_digest: str
    """Digest of the closed tally the results were made from."""
    by: AccountId
