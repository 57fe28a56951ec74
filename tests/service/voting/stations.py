"""The two processes of voting in a test's hands, each of which can die at any step, and how ballots come to them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chassis.clock import Clock
from chassis.delivery import Message
from chassis.hearing import Done, Parked
from chassis.ids import new_id
from chassis.testing import Issuer, client
from contracts.events.event import Event
from contracts.ingress import HandInBallot, HandInBallots, Ingress
from services.voting.actions import Tallying
from services.voting.app import build_api, build_tally, tallying
from services.voting.books import Book
from services.voting.settings import Settings
from tests.service.voting.election import Answer, Ask
from tests.service.voting.lives import Life, Unsure


class Api(Life):
    """A process that takes ballots in."""

    def __init__(self, told: Settings, clock: Clock, stream: Unsure, issuer: Issuer) -> None:
        super().__init__()
        self.service = build_api(told, clock)
        self.service.stream = stream
        issuer.admit(self.service)
        self.book: Book = getattr(self.service.closing[0], "__self__")  # noqa: B009 # mypy knows a callable only
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

    async def hear(self, kind: type[Event] | type[Ingress], message: Message) -> list[Answer]:
        """Handle a message; what is answered to it."""
        [hearer] = [each for each in self.service.hears.hearers if each.event is kind]
        match await self.service.reception.receive(hearer, message):
            case Done(answer):
                return answers_of(answer)
            case Parked(reason):
                return [Answer("nonce_reused" if "nonce_reused" in reason else "malformed")]
            case again:
                raise AssertionError(again)

    async def carries_on(self, stream: Unsure) -> None:
        """Wait for what is on its way into the stream, if that moves."""
        while stream.moves.is_set() and await self.book.brought_on():
            pass

    async def settles_owed(self) -> bool:
        """See to one book nobody holds; False where there is none."""
        return await self.service.rounds[1]()


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


def answers_of(kept: Any) -> list[Answer]:
    """The answers in what a message is answered with, fresh or as the inbox has it."""
    said = kept if isinstance(kept, dict) else kept.model_dump(mode="json") if kept else {"answers": []}
    return _answers(said.get("answers", [said]))


def _answers(said: Sequence[Any]) -> list[Answer]:
    return [Answer(each["outcome"], each["ballot"]) for each in said]


def _written(ask: Ask, **more: Any) -> dict[str, Any]:
    cast_at = ask.cast_at.isoformat() if ask.cast_at else None
    return {"campaign": ask.campaign, "entry": ask.entry, "voter": ask.voter, "cast_at": cast_at, **more}
