"""What provinces decide on, and what they decided."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from contracts.events.media import Finding
from contracts.events.registration import Contact, EntryMaterial
from contracts.events.review import EntrySubject, Reason, StudioSubject
from contracts.ids import (
    AccountId,
    CampaignId,
    City,
    EntryId,
    MaterialId,
    Province,
    Revision,
    Sha256,
    SlotId,
    StudioId,
    ThemeId,
    TrackId,
)

Kind = Literal["studio", "entry"]
State = Literal["waiting", "approved", "returned"]
Verdict = Literal["pass", "advice", "unchecked", "fail"]


class Region(NamedTuple):
    """Where a caller may look; None does not bound."""

    province: Province | None = None
    city: City | None = None


class Record(BaseModel):
    """A frozen piece of what is kept and shown."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Decision(Record):
    """What was decided on one attempt."""

    attempt: int
    state: Literal["approved", "returned"]
    by: AccountId
    at: datetime
    revision: Revision | None = None
    """The rulebook it was made under; None for a studio, which is certified for every campaign."""
    reasons: tuple[Reason, ...] = ()
    reopened_slots: tuple[SlotId, ...] = ()
    mend_by: datetime | None = None


class Submission(Record):
    """What was handed in and is decided on by the province it comes from."""

    studio: StudioId
    account: AccountId
    province: Province
    city: City
    attempt: int
    handed_in_at: datetime
    state: State = "waiting"
    decisions: tuple[Decision, ...] = ()
    """Of every attempt so far, oldest first: an attempt that waits shows why the one before came back."""

    @property
    def decision(self) -> Decision | None:
        """What was decided on the newest attempt."""
        last = self.decisions[-1] if self.decisions else None
        return last if last and last.attempt == self.attempt else None

    def decided(self, decision: Decision) -> Self:
        """The same, decided."""
        return self.model_copy(update={"state": decision.state, "decisions": (*self.decisions, decision)})


class Certification(Submission):
    """A studio that asks to be certified."""

    kind: Literal["studio"] = "studio"
    name: str
    unit_kind: str
    pii: Contact

    @property
    def id(self) -> str:
        return self.studio

    def about(self, revisions: tuple[Revision, ...]) -> StudioSubject:
        """The subject of an event about it, naming the rulebook revisions a decision is made under."""
        return StudioSubject(
            studio=self.studio, account=self.account, name=self.name, attempt=self.attempt, revisions=revisions
        )


class Check(Record):
    """What media found in one material."""

    material: MaterialId
    at: datetime
    revision: Revision
    sha256: Sha256
    verdict: Literal["pass", "advice", "fail"]
    findings: tuple[Finding, ...] = ()
    stage: Literal["only", "first", "second"] = "only"
    """`first`: every byte is still to be read, and `second` may take it back."""
    mend_by: datetime | None = None
    """Until when other material is taken where it was taken back."""


class Entry(Submission):
    """An entry a province screens."""

    kind: Literal["entry"] = "entry"
    entry: EntryId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None = None
    title: str
    studio_name: str
    materials: tuple[EntryMaterial, ...]
    checks: tuple[Check, ...] = ()
    """Of all its materials ever checked, those of earlier attempts included."""

    @property
    def id(self) -> str:
        return self.entry

    def about(self, revisions: tuple[Revision, ...]) -> EntrySubject:
        """The subject of an event about it, naming the rulebook revision a decision is made under."""
        fields = self.model_dump(include=set(EntrySubject.model_fields) - {"kind"})
        return EntrySubject(**(fields | {"revision": next(iter(revisions), self.revision)}))


class CheckedMaterial(Record):
    """A material of the newest attempt with what was found in it."""

    slot: SlotId
    material: MaterialId
    name: str
    size: int
    """Bytes."""
    sha256: Sha256
    verdict: Verdict
    findings: tuple[Finding, ...]
    checked_at: datetime | None
    stage: Literal["only", "first", "second"] = "only"


class EntryPage(Submission):
    """Everything an admin needs to decide on an entry."""

    entry: EntryId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None = None
    title: str
    studio_name: str
    verdict: Verdict
    materials: tuple[CheckedMaterial, ...]


class Request(BaseModel):
    """What a caller sends; a field nobody knows is refused, for it was meant to do something."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Approval(Request):
    """Approve; `attempt` is the one the admin looked at, so that a newer one is not approved unseen."""

    attempt: int | None = None


class Return(Request):
    """Send back to be mended by `mend_by`; left out, it is the latest the rulebook allows."""

    reasons: Annotated[tuple[Reason, ...], Field(min_length=1, max_length=50)]
    mend_by: AwareDatetime | None = None
    attempt: int | None = None
    reopened_slots: tuple[SlotId, ...] = ()
    """Entries only: the slots new material may be uploaded for; left out, those the reasons point at."""


class Decided(Record):
    """What was decided, and on which attempt."""

    kind: Kind
    id: str
    decision: Decision
