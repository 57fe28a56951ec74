"""Entries over HTTP."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chassis.identity import Studio
from contracts.ids import CampaignId, EntryId, MaterialId, SlotId, ThemeId, TrackId
from services.registration.entries.actions import Entries
from services.registration.entries.models import EntryView, NewEntry


class OpenEntry(BaseModel):
    """What a studio wants to enter; `theme` where the track has themes."""

    model_config = ConfigDict(extra="forbid")

    campaign: CampaignId
    track: TrackId
    theme: ThemeId | None = None
    title: str = Field(min_length=1, max_length=200)
    summary: str = Field(default="", max_length=5000)


class EditEntry(BaseModel):
    """Other words; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, min_length=1, max_length=200)
    summary: str | None = Field(default=None, max_length=5000)


class HandIn(BaseModel):
    """Which material each slot is handed in with. Whoever names what it has just uploaded need not wait until it is
    known here; a newer upload takes its place. A slot not named stands with its newest material."""

    model_config = ConfigDict(extra="forbid")

    materials: dict[SlotId, MaterialId] = Field(default_factory=dict, max_length=50)


def api(entries: Entries) -> APIRouter:
    """A studio's own entries."""
    router = APIRouter(prefix="/v1/entries", tags=["entries"])

    @router.post("", status_code=201)
    async def open_entry(body: OpenEntry, caller: Studio) -> EntryView:
        return await entries.open(caller, NewEntry(**body.model_dump()))

    @router.get("")
    async def own_entries(caller: Studio) -> list[EntryView]:
        return await entries.list(caller)

    @router.get("/{entry}")
    async def own_entry(entry: EntryId, caller: Studio) -> EntryView:
        return await entries.view(caller, entry)

    @router.patch("/{entry}")
    async def edit_entry(entry: EntryId, body: EditEntry, caller: Studio) -> EntryView:
        return await entries.edit(caller, entry, body.title, body.summary)

    @router.post("/{entry}/submit", responses={202: {"model": EntryView}})
    async def submit_entry(entry: EntryId, caller: Studio, response: Response, body: HandIn | None = None) -> EntryView:
        view = await entries.submit(caller, entry, body.materials if body else {})
        response.status_code = 202 if view.state == "handed_in" else 200
        return view

    return router
