"""A national admin decides on ballots; ops look on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from chassis.identity import Caller, NationalAdmin, only
from contracts.ids import AccountId, BallotId, CampaignId, EntryId
from services.voting.models import Kept, State
from services.voting.rulings.actions import Rulings
from services.voting.rulings.models import Asked, Held, Ruling, RulingId, Where

Onlooker = Annotated[Caller, only("national", "ops")]
Named = Annotated[RulingId, Path(description="Yours, for this decision: again under it, it is not taken twice.")]
MOST_LISTED = 500


class Wanted(Where):
    """Which ballots are listed, and how many of them at a time."""

    after: str = ""
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 100


class BallotOut(BaseModel):
    """A ballot as whoever decides sees it; voter, device and address are pseudonyms, equal where they are."""

    ballot: BallotId
    state: State
    signals: tuple[str, ...]
    """The rulebook's rules it tripped."""
    entry: EntryId
    channel: str
    voter: str
    device: str | None
    address: str | None
    received_at: datetime
    ruling: str | None
    """The last decision about it."""


class BallotPage(BaseModel):
    """Some ballots by id."""

    ballots: tuple[BallotOut, ...]
    next: str | None
    """What to give as `after` for the next page, which may be there though this one is empty; None after the last."""


class RulingOut(BaseModel):
    """A decision, and how far it is carried out."""

    ruling: RulingId
    asked: Asked
    by: AccountId
    at: datetime
    decided: int
    """Ballots it changed so far."""
    done: bool


def api(rulings: Rulings) -> APIRouter:
    """The routes of `/v1/campaigns/{campaign}/ballots` and `/v1/campaigns/{campaign}/rulings`."""
    router = APIRouter(prefix="/v1/campaigns/{campaign}", tags=["rulings"])

    @router.get("/ballots")
    async def ballots(_: Onlooker, campaign: CampaignId, wanted: Annotated[Wanted, Query()]) -> BallotPage:
        """The ballots of one state that fit everything named, a page by id."""
        page = await rulings.store.page(campaign, wanted, wanted.after, wanted.limit)
        return BallotPage(ballots=tuple(map(_ballot_out, page.ballots)), next=page.next)

    @router.get("/held")
    async def held(_: Onlooker, campaign: CampaignId) -> list[Held]:
        """How many ballots are held, by signal, channel and entry, most first."""
        return await rulings.store.held(campaign, MOST_LISTED)

    @router.put("/rulings/{ruling}")
    async def rule(caller: NationalAdmin, campaign: CampaignId, ruling: Named, asked: Asked) -> RulingOut:
        """Let ballots count, or void them, with a reason. A large decision is carried out in the background: ask again
        until `done`."""
        return _ruling_out(await rulings.rule(caller, campaign, ruling, asked))

    @router.get("/rulings")
    async def taken(_: Onlooker, campaign: CampaignId) -> list[RulingOut]:
        """The last decisions, the newest first."""
        return [_ruling_out(each) for each in await rulings.store.rulings(campaign, MOST_LISTED)]

    @router.get("/rulings/{ruling}")
    async def one(_: Onlooker, campaign: CampaignId, ruling: Named) -> RulingOut:
        """A decision, and how far it is carried out."""
        return _ruling_out(await rulings.ruling(campaign, ruling))

    return router


def _ballot_out(kept: Kept) -> BallotOut:
    ballot = kept.ballot
    return BallotOut(
        ballot=ballot.id, state=kept.state, signals=ballot.held, entry=ballot.entry, channel=ballot.channel,
        voter=ballot.voter, device=ballot.device, address=ballot.address, received_at=ballot.received_at,
        ruling=kept.ruling,
    )  # fmt: skip


def _ruling_out(ruling: Ruling) -> RulingOut:
    return RulingOut(ruling=ruling.id, **ruling.model_dump(include={"asked", "by", "at", "decided", "done"}))
