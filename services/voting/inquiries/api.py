"""What a channel asks of its own ballots and voters."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.identity import Caller, Frontend, only
from contracts.ids import BallotId, CampaignId, EntryId
from services.voting.inquiries.actions import Inquiries
from services.voting.inquiries.models import Active
from services.voting.models import Kept, State
from services.voting.wording import BECAME

MOST_LISTED = 500
MOST_ASKED = 100
"""Ids in one request: the line it is asked in holds no more."""
MOST_ACTIVE, MOST_VOTERS = 1000, 1000
OwnId = Annotated[str, Field(min_length=1, max_length=128)]


class Became(BaseModel):
    """What a channel's own ballot is now."""

    ballot: BallotId
    state: State
    message_zh: str
    """What the voter can be told."""
    message_en: str
    campaign: CampaignId
    entry: EntryId
    nonce: str | None
    received_at: datetime


class BecamePage(BaseModel):
    """Some of a channel's ballots by id."""

    ballots: tuple[Became, ...]
    next: str | None
    """As in every page."""


class Voters(BaseModel):
    """Voters by the channel's own ids."""

    model_config = ConfigDict(extra="forbid")

    voters: Annotated[tuple[OwnId, ...], Field(min_length=1, max_length=MOST_VOTERS)]


class VoterOut(BaseModel):
    """How many votes of one of them count."""

    voter: str
    votes: int


def api(inquiries: Inquiries) -> APIRouter:
    """The routes of a channel's own ballots and voters."""
    router = APIRouter(prefix="/v1", tags=["voting"])

    @router.get("/votes")
    async def became(
        caller: Frontend, ballot: Annotated[list[BallotId], Query(min_length=1, max_length=MOST_ASKED)]
    ) -> list[Became]:
        """What became of some ballots of your channel; an id that is none of them is left out."""
        return [_became(kept) for kept in await inquiries.became(caller, ballot)]

    @router.get("/campaigns/{campaign}/votes")
    async def listed(
        caller: Frontend,
        campaign: CampaignId,
        state: Literal["held", "voided"],
        after: str = "",
        limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 100,
    ) -> BecamePage:
        """The ballots of your channel that are held, or were voided, a page by id."""
        page = await inquiries.listed(caller, campaign, state, after, limit)
        return BecamePage(ballots=tuple(map(_became, page.ballots)), next=page.next)

    @router.get("/campaigns/{campaign}/voters/active")
    async def active(
        caller: Annotated[Caller, only("frontend", "national")],
        campaign: CampaignId,
        channel: str | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ACTIVE)] = 100,
    ) -> list[Active]:
        """The voters of a channel with the most votes that count, most first, each by the first of those: the channel
        knows whose ballot it is, nobody else does."""
        return await inquiries.active(caller, campaign, channel, limit)

    @router.post("/campaigns/{campaign}/voters")
    async def votes_of(caller: Frontend, campaign: CampaignId, asked: Voters) -> list[VoterOut]:
        """How many votes of some of your voters count, by your own ids, most first."""
        found = await inquiries.votes_of(caller, campaign, asked.voters)
        return [VoterOut(voter=voter, votes=votes) for voter, votes in found]

    return router


def _became(kept: Kept) -> Became:
    ballot = kept.ballot
    zh, en = BECAME[kept.state]
    return Became(
        ballot=ballot.id, state=kept.state, message_zh=zh, message_en=en, campaign=ballot.campaign, entry=ballot.entry,
        nonce=ballot.nonce, received_at=ballot.received_at,
    )  # fmt: skip
