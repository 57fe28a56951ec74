"""Entries as media knows them, tickets, and what the store has of an upload."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

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
    TicketId,
    TrackId,
)
from services.media.models import Form, StoredPart

TicketState = Literal["open", "completing", "completed", "aborted", "expired", "superseded"]
"""`completing`: its studio has said in time that all is sent; whether it is, the store decides once it answers."""
LIVE: tuple[TicketState, ...] = ("open", "completing")


class TakenBack(BaseModel):
    """Material that every byte was read of after its studio had been told of a pass, and that failed."""

    model_config = ConfigDict(frozen=True)

    slot: SlotId
    material: MaterialId
    mend_by: datetime


class Entry(BaseModel):
    """What was heard of an entry: whose it is, and whether it lies with its studio or with the province."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: EntryId
    studio: StudioId
    account: AccountId
    campaign: CampaignId
    track: TrackId
    title: str
    studio_name: str
    province: Province
    city: City
    submitted: int = 0
    """The newest attempt that was submitted."""
    materials: tuple[MaterialId, ...] = ()
    """What that attempt was submitted with."""
    approved: int = 0
    """The attempt its province approved."""
    returned: int = 0
    """The newest attempt that came back."""
    reopened: tuple[SlotId, ...] = ()
    """By that return."""
    mend_by: datetime | None = None
    """By that return."""
    taken_back: tuple[TakenBack, ...] = ()
    """Beside any return, and not mended by a submission yet."""

    @property
    def open_slots(self) -> tuple[SlotId, ...]:
        """What may be replaced once it came back, whichever of return and taken-back came first."""
        return tuple(sorted({*self.reopened, *(each.slot for each in self.taken_back)}))

    @property
    def open_until(self) -> datetime | None:
        """The later of the times to mend."""
        return max(filter(None, (self.mend_by, *(each.mend_by for each in self.taken_back))), default=None)


class Terms(BaseModel):
    """What a ticket is given: the rules it was taken under, and until when its bytes are good."""

    model_config = ConfigDict(frozen=True)

    revision: Revision
    deadline: datetime
    drain_until: datetime
    part_size: int


class Ticket(BaseModel):
    """A place kept for one file before any byte of it moves."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: TicketId
    material: MaterialId
    """The id its material will have."""
    entry: EntryId
    slot: SlotId
    studio: StudioId
    account: AccountId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    province: Province
    name: str
    size: int
    sha256: Sha256
    taken_at: datetime
    deadline: datetime
    drain_until: datetime
    part_size: int
    receipt: str
    key: str
    upload: str | None = None
    """The store's id of the upload in parts, while there is one."""
    state: TicketState = "open"
    seen_at: datetime
    """When its studio last asked for it: parts nobody comes back for are dropped, the ticket stays."""
    completing_at: datetime | None = None


@dataclass(frozen=True)
class PartUrl:
    """Where one missing part is to be sent, and its exact size in bytes."""

    number: int
    url: str
    size: int


@dataclass(frozen=True)
class Progress:
    """A ticket with what has come and where the rest goes."""

    ticket: Ticket
    stored: tuple[StoredPart, ...] = ()
    missing: tuple[PartUrl, ...] = ()
    form: Form | None = None
    """For a file of one part: where a form may send it instead."""
    store_away: bool = False
    """The object store does not answer just now: the ticket counts, its URLs follow when it is asked for again."""
