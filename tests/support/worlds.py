"""The same scenario in memory and on a real broker: join services, tell, and see what becomes of it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

import aio_pika
from pydantic import BaseModel

from chassis.broker import EVENTS, INGRESS
from chassis.delivery import Message
from chassis.hearing import Hears
from chassis.ids import new_id
from chassis.service import Process, Service
from chassis.settings import ServiceSettings
from chassis.streams import encode
from chassis.testing import MemoryBus
from chassis.transaction import Transaction
from contracts.events.event import Event
from contracts.events.voting import VoteCast
from contracts.ingress import BallotAnswer, HandInBallot, Ingress

Seen = Callable[[], Awaitable[bool]]


class World(Protocol):
    """Carries messages between services."""

    user: str | None
    """Whom it publishes as."""

    async def join(self, service: Service) -> object: ...
    async def bring(self, topic: str, body: bytes, message_id: str) -> None: ...
    async def hand_in(self, request: Ingress, message_id: str) -> Any: ...
    async def until(self, seen: Seen, within_s: float = 60) -> bool: ...


async def tell(world: World, event: Event, message_id: str | None = None) -> None:
    """Bring a well-formed event, as its teller's relay would."""
    await world.bring(event.topic, event.model_dump_json().encode(), message_id or new_id())


class InMemory:
    """The test kit's bus."""

    user: str | None = "frontend"

    def __init__(self) -> None:
        self._bus = MemoryBus()

    async def join(self, service: Service) -> None:
        await self._bus.join(service)

    async def bring(self, topic: str, body: bytes, message_id: str) -> None:
        await self._bus.deliver(Message(message_id, topic, body, sender=self.user))

    async def hand_in(self, request: Ingress, message_id: str) -> Any:
        answer = await self._bus.hand_in(request, self.user, message_id)
        return answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer

    async def until(self, seen: Seen, within_s: float = 60) -> bool:
        await self._bus.settle()
        return await seen()


class OnRabbit:
    """A RabbitMQ node."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url, self._stack = url, stack
        self.user = urlsplit(url).username

    async def join(self, service: Service) -> Process:
        process = Process(service)
        await self._stack.enter_async_context(process.lifespan(service.http()))
        await self.until(lambda: _consuming(process))
        return process

    async def bring(self, topic: str, body: bytes, message_id: str) -> None:
        await self._publish(EVENTS, topic, aio_pika.Message(body, message_id=message_id, user_id=self.user))

    async def hand_in(self, request: Ingress, message_id: str) -> Any:
        async with await aio_pika.connect(self._url) as connection, connection.channel() as channel:
            replies = await channel.declare_queue(f"zhumeng.reply.{new_id()}", exclusive=True)
            message = aio_pika.Message(
                request.model_dump_json().encode(), message_id=message_id, user_id=self.user, reply_to=replies.name
            )
            await (await channel.get_exchange(INGRESS)).publish(message, request.topic)
            async with replies.iterator(timeout=10) as answers:
                return json.loads((await anext(answers)).body)

    async def until(self, seen: Seen, within_s: float = 60) -> bool:
        end = time.monotonic() + within_s
        while not (found := await seen()) and time.monotonic() < end:  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.05)
        return found

    async def _publish(self, exchange: str, topic: str, message: aio_pika.Message) -> None:
        async with await aio_pika.connect(self._url) as connection, connection.channel() as channel:
            await (await channel.get_exchange(exchange)).publish(message, topic)


async def _consuming(process: Process) -> bool:
    try:
        await process.publisher.answers()
        await process.subscriptions.consuming()
    except ConnectionError:
        return False
    return True


@dataclass
class Counter:
    """A small real service: counts votes by ballot, and can be told to fail."""

    service: Service
    at_once: int = 10
    fails: dict[str, int] = field(default_factory=dict)
    """How often handling a ballot fails before it succeeds."""
    refusal: Exception = field(default_factory=lambda: ValueError("told to fail"))
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        hears = Hears(self.service.name)
        hears(VoteCast, at_once=self.at_once)(self._count)
        hears(HandInBallot)(self._take)
        self.service.hears = hears

    async def counted(self) -> dict[str, int]:
        """Effects by ballot; every number must be 1."""
        return {row["_id"]: row["n"] async for row in self.service.database.effects.find()}

    async def parked(self) -> list[dict[str, Any]]:
        return await self.service.records.parked.find().to_list()

    async def has(self, count: int) -> bool:
        return sum((await self.counted()).values()) >= count

    async def handled(self, count: int) -> bool:
        return len(self.order) >= count

    async def has_parked(self, count: int) -> bool:
        return len(await self.parked()) >= count

    async def _count(self, event: VoteCast) -> None:
        if self.fails.get(event.ballot, 0) > 0:
            self.fails[event.ballot] -= 1
            raise self.refusal
        await self.service.transactions.run(lambda tx: self._effect(tx, event.ballot))
        self.order.append(event.ballot)

    async def _take(self, request: HandInBallot) -> None:
        async def work(tx: Transaction) -> None:
            await self._effect(tx, request.voter)
            tx.answer(BallotAnswer(outcome="counted", ballot=None, message_zh=new_id(), message_en="counted"))

        await self.service.transactions.run(work)

    async def _effect(self, tx: Transaction, key: str) -> None:
        await self.service.database.effects.update_one(
            {"_id": key}, {"$inc": {"n": 1}}, upsert=True, session=tx.session
        )


def counter(name: str, mongo_url: str, prefix: str, amqp_url: str = "", **options: Any) -> Counter:
    """A Counter service on this test's databases, retrying after 50 and 100 ms."""
    settings = ServiceSettings(env="test", mongo_url=mongo_url, mongo_prefix=prefix, retry_delays=(0.05, 0.1))
    if amqp_url:
        settings = settings.model_copy(update={"amqp_url": amqp_url})
    return Counter(Service(name, settings), **options)


def vote(ballot: str) -> VoteCast:
    """A well-formed event."""
    body = {"ballot": ballot, "campaign": "c", "revision": "0" * 64, "entry": "e", "channel": "douyin", "voter": "v"}
    return VoteCast.model_validate({"at": datetime.now(UTC), **body})


def in_stream(cast: VoteCast) -> bytes:
    """An event as it lies in the vote stream."""
    body = cast.model_dump_json().encode()
    return encode(cast.topic, "zhumeng/voting", cast.subject, cast.ballot, cast.at, body)
