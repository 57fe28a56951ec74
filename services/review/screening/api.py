"""Provinces look at what was handed in and decide on it."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field

from chassis.identity import Caller, ProvinceAdmin, only
from chassis.refusal import Refused
from contracts.ids import EntryId, StudioId
from services.review.screening.actions import Screening
from services.review.screening.models import (
    Approval,
    Certification,
    Decided,
    Entry,
    EntryPage,
    Record,
    Request,
    Return,
)
from services.review.screening.rules import page_of

Admin = Annotated[Caller, only("city", "province", "national")]


class BulkApproval(Request):
    """Approve several entries; each is decided and answered by itself."""

    entries: Annotated[tuple[EntryId, ...], Field(min_length=1, max_length=100)]


class Refusal(Record):
    """Why one of several was refused."""

    status: int
    code: str
    zh: str
    en: str
    facts: dict[str, Any]


class BulkLine(Record):
    """What became of one of several: decided, or refused."""

    entry: EntryId
    decided: Decided | None = None
    refused: Refusal | None = None


class BulkAnswer(Record):
    """One line for each entry, in the order asked."""

    entries: tuple[BulkLine, ...]


def api(screening: Screening) -> APIRouter:
    """The routes of `/v1/studios` and `/v1/entries`."""
    router = APIRouter(prefix="/v1", tags=["screening"])

    @router.get("/studios/{studio}")
    async def studio(caller: Admin, studio: StudioId) -> Certification:
        """A studio with every decision on it so far."""
        found = await screening.find(caller, "studio", studio)
        assert isinstance(found, Certification)
        return found

    @router.get("/entries/{entry}")
    async def entry(caller: Admin, entry: EntryId) -> EntryPage:
        """An entry with its materials, what was found in them, and every decision on it so far."""
        found = await screening.find(caller, "entry", entry)
        assert isinstance(found, Entry)
        return page_of(found)

    @router.post("/studios/{studio}/approve")
    async def approve_studio(caller: ProvinceAdmin, studio: StudioId, asked: Approval | None = None) -> Decided:
        """Certify a studio."""
        return await screening.decide(caller, "studio", studio, asked or Approval())

    @router.post("/studios/{studio}/return")
    async def return_studio(caller: ProvinceAdmin, studio: StudioId, asked: Return) -> Decided:
        """Send a studio's form back with reasons."""
        return await screening.decide(caller, "studio", studio, asked)

    @router.post("/entries/approve")
    async def approve_entries(caller: ProvinceAdmin, asked: BulkApproval) -> BulkAnswer:
        """Approve several entries, each by itself."""
        return BulkAnswer(entries=tuple([await _one(screening, caller, entry) for entry in asked.entries]))

    @router.post("/entries/{entry}/approve")
    async def approve_entry(caller: ProvinceAdmin, entry: EntryId, asked: Approval | None = None) -> Decided:
        """Let an entry on to the public vote."""
        return await screening.decide(caller, "entry", entry, asked or Approval())

    @router.post("/entries/{entry}/return")
    async def return_entry(caller: ProvinceAdmin, entry: EntryId, asked: Return) -> Decided:
        """Send an entry back with reasons, with the slots to be filled anew."""
        return await screening.decide(caller, "entry", entry, asked)

    return router


async def _one(screening: Screening, caller: Caller, entry: EntryId) -> BulkLine:
    try:
        return BulkLine(entry=entry, decided=await screening.decide(caller, "entry", entry, Approval()))
    except Refused as refused:
        said = {"code": refused.code, "zh": refused.zh, "en": refused.en}
        return BulkLine(entry=entry, refused=Refusal(status=refused.status, **said, facts=refused.facts))
