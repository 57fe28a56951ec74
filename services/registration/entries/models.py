"""An entry, as kept and as shown."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from contracts.events.media import Finding
from contracts.events.registration import EntryMaterial
from contracts.events.review import Reason
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
from services.registration.models import Record

EntryState = Literal["draft", "handed_in", "submitted", "returned", "approved", "incomplete"]
"""`handed_in`: received in time, bytes or verdicts still on their way; `incomplete`: the bytes never came."""


class Material(Record):
    """What is known of one upload. Its verdict may be heard before its upload: `uploaded_at` is None until then."""

    material: MaterialId
    slot: SlotId
    name: str
    size: int
    """Bytes."""
    sha256: Sha256
    taken_at: datetime | None = None
    uploaded_at: datetime | None = None
    verdict: Literal["pass", "advice", "fail"] | None = None
    stage: Literal["only", "first", "second"] = "only"
    """`first`: every byte is still to be read, and a second verdict may take it back."""
    findings: tuple[Finding, ...] = ()
    checked_at: datetime | None = None
    mend_by: datetime | None = None
    """Where its pass was taken back: until when other material is taken."""


class NewEntry(Record):
    """What a studio wants to enter."""

    campaign: CampaignId
    track: TrackId
    theme: ThemeId | None = None
    title: str
    summary: str = ""


class Entry(Record):
    """An entry of a certified studio. `attempt` counts the times it was told as submitted."""

    id: EntryId
    studio: StudioId
    account: AccountId
    studio_name: str
    province: Province
    city: City
    campaign: CampaignId
    revision: Revision
    """Of the rulebook it was opened or last handed in under."""
    track: TrackId
    theme: ThemeId | None = None
    title: str
    summary: str = ""
    state: EntryState = "draft"
    attempt: int = 0
    opened_at: datetime
    received_at: datetime | None = None
    """When it was last handed in, by the server's clock: the time that counts against the deadline."""
    named: dict[SlotId, MaterialId] = Field(default_factory=dict)
    """The materials it was handed in with by name, known here or not yet. Each is waited for; then the
    newest of its slot counts, as for a slot not named."""
    materials: tuple[Material, ...] = ()
    submitted: tuple[EntryMaterial, ...] = ()
    """What it was last submitted with."""
    reasons: tuple[Reason, ...] = ()
    reopened_slots: tuple[SlotId, ...] = ()
    """By its newest return."""
    mend_by: datetime | None = None
    """By its newest return."""
    decided_at: datetime | None = None

    @property
    def taken_back(self) -> tuple[Material, ...]:
        """The materials whose pass was taken back and that are not mended: the newest submission has no newer in the
        slot. Ids sort by when they were made."""
        if self.state == "approved":
            return ()
        with_ = {each.slot: each.material for each in self.submitted}
        lost = (each for each in self.materials if each.mend_by is not None)
        return tuple(each for each in lost if with_.get(each.slot, each.material) <= each.material)

    @property
    def open_slots(self) -> tuple[SlotId, ...]:
        """What may be replaced once it came back, whichever of return and taken-back came first."""
        return tuple(sorted({*self.reopened_slots, *(each.slot for each in self.taken_back)}))

    @property
    def open_until(self) -> datetime | None:
        """The later of the times to mend."""
        return max(filter(None, (self.mend_by, *(each.mend_by for each in self.taken_back))), default=None)


class Outstanding(Record):
    """A slot a handed-in entry still waits for."""

    slot: SlotId
    waits_for: Literal["bytes", "verdict"]


class EntryView(Record):
    """An entry as its studio sees it."""

    entry: EntryId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None
    title: str
    summary: str
    state: EntryState
    attempt: int
    received_at: datetime | None
    deadline: datetime | None
    """Until when it can be handed in: the campaign's deadline, or `mend_by` where that is later."""
    materials: tuple[Material, ...]
    outstanding: tuple[Outstanding, ...]
    """What submission waits for, or would wait for."""
    reasons: tuple[Reason, ...]
    reopened_slots: tuple[SlotId, ...]
    mend_by: datetime | None
