"""HTTP for studios: tickets before bytes, resuming, completing, giving up."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from chassis.identity import Caller, Studio, only
from contracts.ids import EntryId, MaterialId, Sha256, SlotId, TicketId
from services.media.intake.actions import Tickets
from services.media.intake.completion import Completion
from services.media.intake.entries import Entries
from services.media.intake.models import Progress, TicketState
from services.media.intake.receipts import Receipts
from services.media.materials.api import MaterialView
from services.media.materials.models import MaterialState


class TicketRequest(BaseModel):
    """The file that is to come."""

    model_config = ConfigDict(frozen=True)

    entry: EntryId
    slot: SlotId
    name: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$")]
    size: Annotated[int, Field(ge=1, description="Bytes.")]
    sha256: Sha256


class PartToSend(BaseModel):
    """PUT exactly `size` bytes to `url`, which takes no other number; the answer's ETag need not be kept."""

    number: int
    url: str
    size: int


class PartStored(BaseModel):
    """A part that has come whole."""

    number: int
    size: int


class FormView(BaseModel):
    """What a browser's form sends a small file with; the store takes exactly the ticket's size."""

    url: str
    fields: dict[str, str]


class TicketView(BaseModel):
    """A ticket, what has come for it, and where the rest goes."""

    ticket: TicketId
    state: TicketState
    entry: EntryId
    slot: SlotId
    name: str
    size: int
    sha256: Sha256
    receipt: str
    """Compact JWS; verify it with the key at `/v1/tickets/keys`."""
    taken_at: datetime
    deadline: datetime
    drain_until: datetime
    """The bytes may come until then, whatever the deadline."""
    part_size: int
    parts: tuple[PartToSend, ...]
    stored: tuple[PartStored, ...]
    form: FormView | None
    """For a file of one part, another way: POST these fields, then the file, as multipart/form-data to `url`."""
    store_away: bool
    """The store is away just now: the ticket counts, ask for it again to get its URLs."""
    material: MaterialId | None
    """What it became, once it is completed."""


class Completed(BaseModel):
    """The upload is material now; its verdict follows."""

    material: MaterialId
    state: MaterialState


def api(tickets: Tickets, completion: Completion, entries: Entries, receipts: Receipts) -> APIRouter:
    """The routes under `/v1/tickets`, and what lies in an entry."""
    router = APIRouter(prefix="/v1", tags=["tickets"])

    @router.post("/tickets", status_code=201)
    async def take(caller: Studio, wanted: TicketRequest) -> TicketView:
        return _view(await tickets.take(caller, wanted))

    @router.get("/tickets/keys")
    async def keys() -> dict[str, list[dict[str, Any]]]:
        return receipts.key.jwks()

    @router.get("/tickets/{ticket}")
    async def show(caller: Studio, ticket: TicketId) -> TicketView:
        return _view(await tickets.show(caller, ticket))

    @router.post("/tickets/{ticket}/complete")
    async def complete(caller: Studio, ticket: TicketId) -> Completed:
        material = await completion.complete(caller, ticket)
        return Completed(material=material.id, state=material.state)

    @router.delete("/tickets/{ticket}", status_code=204)
    async def abort(caller: Studio, ticket: TicketId) -> None:
        await tickets.abort(caller, ticket)

    @router.get("/entries/{entry}/materials", tags=["materials"])
    async def materials(caller: Annotated[Caller, only("studio", "province")], entry: EntryId) -> list[MaterialView]:
        return [MaterialView.of(material) for material in await entries.materials_of(caller, entry)]

    return router


def _view(progress: Progress) -> TicketView:
    ticket = progress.ticket
    said: dict[str, Any] = ticket.model_dump(include=set(TicketView.model_fields) - {"ticket", "material"})
    return TicketView(
        ticket=ticket.id,
        parts=tuple(PartToSend(number=part.number, url=part.url, size=part.size) for part in progress.missing),
        stored=tuple(PartStored(number=part.number, size=part.size) for part in progress.stored),
        form=FormView(url=progress.form.url, fields=dict(progress.form.fields)) if progress.form else None,
        store_away=progress.store_away,
        material=ticket.material if ticket.state == "completed" else None,
        **said,
    )
