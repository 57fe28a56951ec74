"""The two processes of voting in a test's hands, each of which can die at any step, and how ballots come to them."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis.clock import Clock
from chassis.delivery import Message
from chassis.ending import ended
from chassis.hearing import Again, Done, Parked
from chassis.identity import Caller
from chassis.ids import new_id
from chassis.testing import Issuer, client
from contracts.events.event import Event
from contracts.ids import AccountId, CampaignId
from contracts.ingress import HandInBallot, HandInBallots, Ingress
from services.voting.actions import Tallying
from services.voting.app import build_api, build_tally, tallying
from services.voting.rulings.actions import Rulings
from services.voting.rulings.models import Asked
from services.voting.settings import Settings
from services.voting.telling.books import Book
from tests.service.voting.election import Answer, Ask, Do, Watched
from tests.service.voting.lives import Life, Unsure


class Api(Life):
    """A process that takes ballots in."""

    def __init__(self, told: Settings, clock: Clock, stream: Unsure, issuer: Issuer) -> None:
        super().__init__()
        self.service = build_api(told, clock)
        self.service.stream = stream
        issuer.admit(self.service)
        self.book: Book = getattr(self.service.closing[0], "__self__")  # noqa: B009 # mypy knows a callable only
        self.rulings: Rulings = getattr(self.service.rounds[-1], "__self__")  # noqa: B009 # as above
        self.watched = Watched()
        self._web = client(self.service)

    async def over_http(self, token: str, asks: Sequence[Ask], alone: bool) -> list[Answer]:
        """Hand ballots in as a request."""
        ballots = [_written(ask, nonce=ask.nonce) for ask in asks]
        headers = {"authorization": f"Bearer {token}"}
        response = await self._web.post("/v1/votes", json=ballots[0] if alone else ballots, headers=headers)
        said = response.json()
        if response.status_code in (409, 422):
            return [Answer(said["code"])]
        assert response.status_code == 200, response.text
        return _answers([said] if alone else said)

    async def hear(self, kind: type[Event] | type[Ingress], message: Message) -> list[Answer] | Again:
        """Handle a message; what is answered to it, unless it is to come again."""
        [hearer] = [each for each in self.service.hears.hearers if each.event is kind]
        match await self.service.reception.receive(hearer, message):
            case Done(answer):
                return answers_of(answer)
            case Parked(reason):
                return [Answer("nonce_reused" if "nonce_reused" in reason else "malformed")]
            case again:
                return again

    async def carries_on(self, stream: Unsure) -> None:
        """Wait for what is on its way into the stream, if that moves."""
        while stream.moves.is_set() and await self.book.brought_on():
            pass

    async def settles_owed(self) -> bool:
        """See to one book nobody holds; False where there is none."""
        return await self.service.rounds[1]()

    async def rules(self, campaign: str, name: str, do: Do, ballots: Sequence[str]) -> bool:
        """Decide on ballots, or on all that are held where none is named, as far as one page goes."""
        admin = Caller(account=AccountId("admin"), role="national")
        which = {"ballots": tuple(ballots)} if ballots else {"where": {"state": "held"}}
        asked = Asked.model_validate({"do": do, "reason": "经核查", **which})
        return (await self.rulings.rule(admin, CampaignId(campaign), name, asked)).done


class Count(Life):
    """A process that counts."""

    def __init__(self, told: Settings, clock: Clock, stream: Unsure) -> None:
        super().__init__()
        service = build_tally(told, clock)
        service.stream = stream
        self.tallying: Tallying = tallying(service, told)


@dataclass(frozen=True)
class Posted:
    """Ballots as a message, which may be delivered any number of times."""

    kind: type[Ingress]
    message: Message
    asks: tuple[Ask, ...]

    @classmethod
    def of(cls, account: str, asks: Sequence[Ask], alone: bool) -> "Posted":
        """A ballot that is alone has its message's id for a nonce; of others, one without has the id and its place."""
        name = (asks[0].nonce if alone else None) or new_id()
        given = [name if alone else ask.nonce or f"{name}/{place}" for place, ask in enumerate(asks)]
        named = tuple(replace(ask, nonce=nonce) for ask, nonce in zip(asks, given, strict=True))
        kind: type[Ingress] = HandInBallot if alone else HandInBallots
        ballots = _written(asks[0]) if alone else {"ballots": [_written(ask, nonce=ask.nonce) for ask in asks]}
        return cls(kind, Message(name, kind.topic, json.dumps(ballots).encode(), sender=account, reply_to=name), named)

    @property
    def alone(self) -> bool:
        """Whether it is one ballot."""
        return self.kind is HandInBallot

    @property
    def key(self) -> str:
        """What the inbox knows it by."""
        return f"voting.{self.kind.topic}:{self.message.sender}:{self.message.id}"


async def heard_twice(
    first: Api, second: Api, posted: Posted, time_goes_on: Callable[[], None], whole: bool
) -> tuple[list[Answer], list[Answer] | Again | None]:
    """What two processes make of a message at once: the second is done, or all but has its answer kept, while the first
    stands still before it writes. None of the second where the first wrote nothing."""
    goes, stands = asyncio.Event(), asyncio.Event()
    heard: list[asyncio.Task[list[Answer] | Again | None]] = []

    async def stand_still() -> None:
        stands.set()
        await goes.wait()

    async def meanwhile() -> None:
        first.pause = first.answers = None
        time_goes_on()
        second.answers = None if whole else stand_still
        message = replace(posted.message, redelivered=True)
        heard.append(asyncio.create_task(second.does(second.hear(posted.kind, message))))
        standing = asyncio.create_task(stands.wait())
        await asyncio.wait([*heard, standing], return_when=asyncio.FIRST_COMPLETED)
        await ended(standing)

    first.pause = first.answers = meanwhile
    answers = await first.does(first.hear(posted.kind, posted.message))
    first.pause = first.answers = None
    goes.set()
    outcomes = await asyncio.gather(*heard)
    second.answers = None
    assert isinstance(answers, list)
    return answers, outcomes[0] if outcomes else None


def answers_of(kept: Any) -> list[Answer]:
    """The answers in what a message is answered with, fresh or as the inbox has it."""
    said = kept if isinstance(kept, dict) else kept.model_dump(mode="json") if kept else {"answers": []}
    return _answers(said.get("answers", [said]))


def _answers(said: Sequence[Any]) -> list[Answer]:
    return [Answer(each["outcome"], each["ballot"]) for each in said]


def _written(ask: Ask, **more: Any) -> dict[str, Any]:
    cast_at = ask.cast_at.isoformat() if ask.cast_at else None
    seen = {"cast_at": cast_at, "device": ask.device}
    return {"campaign": ask.campaign, "entry": ask.entry, "voter": ask.voter, **seen, **more}
