"""Material, the verdict on it, and who may see whose."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.events.media import Finding, PublishedFile, StoredObject
from contracts.ids import (
    CampaignId,
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

MaterialState = Literal["uploaded", "checked", "superseded"]
Outcome = Literal["pass", "advice", "fail"]
Stage = Literal["only", "first", "second"]


class Check(BaseModel):
    """What was found in a package; `sha256` is the measured one, or its ticket's where not every byte was read."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    findings: tuple[Finding, ...]
    sha256: Sha256
    at: datetime
    stage: Stage = "only"
    """`first`: every byte is still to be read; that is `second`."""


class Material(BaseModel):
    """A package that lies whole in the store, pinned as it came."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: MaterialId
    ticket: TicketId
    entry: EntryId
    slot: SlotId
    studio: StudioId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    province: Province
    title: str
    studio_name: str
    object: StoredObject
    name: str
    size: int
    sha256: Sha256
    """As its ticket was taken for."""
    taken_at: datetime
    uploaded_at: datetime
    """When its studio said that all was sent: the time that counts against the drain, however long the store takes."""
    superseded_by: MaterialId | None = None
    check: Check | None = None
    approved: bool = False
    """Whether its province approved the entry with it."""
    published: tuple[PublishedFile, ...] | None = None
    """What of it is shown; None until it was made ready."""

    @property
    def state(self) -> MaterialState:
        """Where it stands; superseded material is not checked any more, a verdict it had stays."""
        if self.superseded_by is not None:
            return "superseded"
        return "checked" if self.check else "uploaded"

    @property
    def age(self) -> tuple[datetime, MaterialId]:
        """Orders the material of a slot by when its tickets were taken; the newest one counts, in registration too."""
        return self.taken_at, self.id


class OwnStudio(BaseModel):
    """A studio sees what is its own."""

    model_config = ConfigDict(frozen=True)

    studio: StudioId


class OwnProvince(BaseModel):
    """A province's admins see what their studios handed in."""

    model_config = ConfigDict(frozen=True)

    province: Province


Sight = OwnStudio | OwnProvince
"""What a caller may see; the store adds it to every query."""
