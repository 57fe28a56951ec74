"""Voting over HTTP: ballots in, receipts, the entries to vote on, the tally, now and as it changes."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import EventSourceResponse, format_sse_event
from pydantic import BaseModel, Field, TypeAdapter
from starlette.types import Receive, Scope, Send

from chassis.identity import Caller
from chassis.lane import Lane
from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId, StudioId, ThemeId, TrackId
from contracts.ingress import BallotAnswer, BatchedAnswer, BatchedBallot
from contracts.rulebook import Rulebook
from services.voting import intake, rules, signatures, wording
from services.voting.actions import Voting
from services.voting.gate import Gate
from services.voting.live import Live, Look, Seen
from services.voting.models import ClosedTally, State, Tally

Batch = Annotated[tuple[BatchedBallot, ...], Field(min_length=1, max_length=rules.LARGEST_BATCH)]


UNBUFFERED = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""Proxies pass an event on as it comes."""


class Receipt(BaseModel):
    """What anybody who has a ballot's id can see of it."""

    ballot: BallotId
    state: State
    """`held`: a person decides whether it counts; `voided`: a person decided that it does not."""
    campaign: CampaignId
    entry: EntryId
    received_at: datetime


class EntryOut(BaseModel):
    """An entry that can be voted on."""

    entry: EntryId
    track: TrackId
    theme: ThemeId | None
    title: str
    studio: StudioId
    studio_name: str


class TallyOut(BaseModel):
    """How the vote stands."""

    campaign: CampaignId
    state: Literal["open", "counting", "closed"]
    """`counting`: the window has ended, the last ballots are being counted; `closed`: frozen."""
    votes: int
    ranking_hidden: bool
    """The rulebook hides the ranking for the last hours; `entries` is empty then."""
    entries: tuple[Tallied, ...]
    """By votes, most first; entries without a vote are not listed."""
    digest: str | None
    """SHA-256 over the canonical JSON of `entries` once closed."""
    closed_at: datetime | None
    held: int | None
    """Ballots nobody had decided on when it was closed, and such as were voided: they are not in it."""
    voided: int | None
    signature: str | None
    """Compact JWS (EdDSA) over what was closed, once closed; the key is in `/.well-known/jwks.json`."""

    def etag(self) -> str:
        """The same for the same answer."""
        return f'"{hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:32]}"'


def tally_out(rulebook: Rulebook, tally: Tally, now: datetime) -> TallyOut:
    """What is shown of a tally at an instant."""
    closed = tally if isinstance(tally, ClosedTally) else None
    shown = closed is not None or rulebook.shows_ranking(now)
    return TallyOut(
        campaign=tally.campaign, votes=tally.votes, ranking_hidden=not shown,
        state="closed" if closed else "counting" if rules.ended(rulebook, now) else "open",
        entries=tally.entries if shown else (),
        digest=closed.digest if closed else None, closed_at=closed.closed_at if closed else None,
        held=closed.held if closed else None, voided=closed.voided if closed else None,
        signature=closed.signature if closed else None,
    )  # fmt: skip


def look_of(voting: Voting) -> Look:
    """Looks at a tally for those who listen, as it is shown to who asks."""

    async def look(campaign: CampaignId) -> Seen:
        shown = tally_out(*await voting.shown(campaign), voting.clock.now())
        etag, closed = shown.etag(), shown.state == "closed"
        event = format_sse_event(data_str=shown.model_dump_json(), event="closed" if closed else None, id=etag)
        return Seen(etag, event, closed)

    return look


class Events(EventSourceResponse):
    """A tally as it changes, for one listener, who is counted from the moment he is answered."""

    def __init__(self, live: Live, campaign: CampaignId, known: str | None) -> None:
        super().__init__(live.follow(campaign, known), headers=UNBUFFERED)
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the tally is closed, the listener goes, or the process is told to stop."""
        with self._live.listening():
            await super().__call__(scope, receive, send)


EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Each `data` is the tally.", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    204: {"description": "The tally is closed, and `Last-Event-ID` says that this is known."},
    503: {"description": "As many listen here as may. `Retry-After` says when to come again."},
}


def lane(voting: Voting, gate: Gate) -> Lane:
    """`POST /v1/votes`: a ballot, or a batch of them."""

    async def hand_in(caller: Caller, received_at: datetime, headers: Mapping[bytes, bytes], body: bytes) -> bytes:
        batch, ballots = gate.read(caller.account, received_at, headers, body)
        decided = await voting.hand_in(caller.account, ballots, received_at)
        if not batch:
            wording.refuse_alone(decided[0])
        return intake.answered(batch, [wording.answer(decision) for decision in decided])

    return Lane("POST", "/v1/votes", "frontend", rules.LARGEST_BODY, hand_in, described())


def described() -> dict[str, Any]:
    """The operation as OpenAPI says it."""

    def json_of(kind: Any) -> dict[str, Any]:
        return {"content": {"application/json": {"schema": TypeAdapter(kind).json_schema()}}}

    said = "Hand in a ballot, or up to 1,000, and learn what became of each: what is answered `counted` is kept."
    answer = {"description": "What became of each.", **json_of(BallotAnswer | tuple[BatchedAnswer, ...])}
    signed = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in signatures.HEADERS.values()]
    refused = {
        "401": {"description": "The token, or the signature, does not hold."},
        "409": {"description": "The nonce or the `Webhook-Id` belongs to other ballots."},
        "429": {"description": "The channel is over its rate; nothing was counted. `Retry-After` says when."},
    }
    return {
        "tags": ["voting"],
        "summary": said,
        "operationId": "hand_in",
        "parameters": signed,
        "requestBody": {"required": True, **json_of(BatchedBallot | Batch)},
        "responses": {"200": answer, **refused},
    }


def api(voting: Voting, live: Live) -> APIRouter:
    """The routes of the API process."""
    router = APIRouter(prefix="/v1", tags=["voting"])

    @router.get("/votes/{ballot}")
    async def receipt(ballot: BallotId) -> Receipt:
        """See whether a ballot counts."""
        kept = await voting.receipt(ballot)
        seen = {name: getattr(kept.ballot, name) for name in ("campaign", "entry", "received_at")}
        return Receipt(ballot=ballot, state=kept.state, **seen)

    @router.get("/campaigns/{campaign}/entries")
    async def entries(
        campaign: CampaignId, after: str = "", limit: Annotated[int, Query(ge=1, le=500)] = 100
    ) -> list[EntryOut]:
        """The entries to vote on, by id; `after` is the last id of the page before."""
        found = await voting.entries(campaign, after, limit)
        return [EntryOut(entry=each.id, **each.model_dump(include=set(EntryOut.model_fields))) for each in found]

    @router.get("/campaigns/{campaign}/tally")
    async def tally(
        campaign: CampaignId, response: Response, if_none_match: Annotated[str | None, Header()] = None
    ) -> TallyOut:
        """How the vote stands; with `If-None-Match`, 304 while that is still so."""
        shown = tally_out(*await voting.shown(campaign), voting.clock.now())
        etag = shown.etag()
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        response.headers.update(headers)
        if if_none_match and etag in if_none_match:  # one of a list, weakened by a proxy, or alone
            return Response(status_code=304, headers=headers)  # type: ignore[return-value] # FastAPI passes it on as is
        return shown

    @router.get("/campaigns/{campaign}/tally/events", response_class=StreamingResponse, responses=EVENTS)
    async def tally_events(campaign: CampaignId, last_event_id: Annotated[str | None, Header()] = None) -> Response:
        """How the vote stands, at once and whenever that changes, at most once a second; ends with `closed`."""
        seen = await live.seen(campaign)
        if seen.closed and last_event_id == seen.etag:
            return Response(status_code=204)  # a browser comes again after any other answer
        live.refuse_beyond_room()
        return Events(live, campaign, last_event_id)

    return router
