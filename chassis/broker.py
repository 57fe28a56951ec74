"""RabbitMQ: the topology, a publisher that knows what became of each message, and subscriptions that stay alive.

Holds on RabbitMQ 3.10 and 4.3. Messages are never nacked: a failed one is published to a delay queue with
confirm and then acknowledged, so no broker version counts, drops or loops it.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import aio_pika
from aio_pika import DeliveryMode, ExchangeType
from aio_pika.abc import (
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractRobustChannel,
    AbstractRobustConnection,
)
from aio_pika.exceptions import AMQPException, ChannelNotFoundEntity
from faststream.exceptions import FastStreamException
from faststream.middlewares import AckPolicy
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit import ExchangeType as StreamExchangeType
from faststream.rabbit.annotations import RabbitMessage
from faststream.rabbit.schemas.queue import QuorumQueueArgs
from faststream.rabbit.subscriber import RabbitSubscriber
from pydantic_core import to_json

from chassis import crash
from chassis.delivery import Message
from chassis.hearing import Again, Done, Hearer, Hears, Outcome, Reception
from chassis.logs import log
from contracts.ingress import Ingress

EVENTS, INGRESS, RETRY = "zhumeng.events", "zhumeng.ingress", "zhumeng.retry"
LOG = "zhumeng.log"
RETURN_S = 1.0
"""A message the broker takes from a queue by its delivery limit comes back to it after this."""
FAILURES = "zm-failures"
CONFIRM_S = 10.0
CHECK_S = 5.0
OUTAGES = (AMQPException, FastStreamException, OSError, TimeoutError, RuntimeError)
"""What the client libraries raise while the broker is away; RuntimeError from a channel closed under them."""


def _delay_queue(delay_s: float) -> str:
    return f"{RETRY}.{round(delay_s * 1000)}ms"


async def declare(channel: AbstractRobustChannel, delays: Sequence[float], streams: Mapping[str, str]) -> None:
    """Declare what services share and `streams` (name → topic); safe to repeat.

    A message whose delay ran out goes back to its queue, which is its routing key.
    """
    events = await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(INGRESS, ExchangeType.TOPIC, durable=True)
    for name, topic in {LOG: "#", **streams}.items():
        stream = await channel.declare_queue(
            name,
            durable=True,
            arguments={"x-queue-type": "stream", "x-max-length-bytes": 20_000_000_000, "x-max-age": "365D"},
        )
        await stream.bind(events, topic)
    for delay in {*delays, RETURN_S}:
        waiting = await channel.declare_exchange(_delay_queue(delay), ExchangeType.FANOUT, durable=True)
        queue = await channel.declare_queue(
            _delay_queue(delay),
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-message-ttl": round(delay * 1000),
                "x-dead-letter-exchange": "",
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        await queue.bind(waiting)


def queue_arguments(queue: str) -> QuorumQueueArgs:
    """What a hearer's quorum queue is declared with; the broker gives back to it what it would drop."""
    return {
        "x-delivery-limit": 1000,
        "x-dead-letter-exchange": _delay_queue(RETURN_S),
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


class RabbitPublisher:
    """Publishes with confirm and `mandatory`: returns only when the broker is responsible for the message."""

    def __init__(self, url: str, service: str, delays: Sequence[float], streams: Mapping[str, str]) -> None:
        self._url, self._service, self._delays, self._streams = url, service, delays, streams
        self._connection: AbstractRobustConnection | None = None
        self._exchanges: dict[str, AbstractExchange] = {}

    async def start(self) -> None:
        """Connect and declare the shared topology; raises while the broker cannot be reached."""
        self._connection = await aio_pika.connect_robust(
            self._url, timeout=5, client_properties={"connection_name": f"{self._service} publisher"}
        )
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        assert isinstance(channel, AbstractRobustChannel)
        await declare(channel, self._delays, self._streams)
        self._exchanges = {
            name: await channel.get_exchange(name, ensure=False) for name in (EVENTS, *map(_delay_queue, self._delays))
        }
        self._exchanges[""] = channel.default_exchange

    async def stop(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._connection is not None and self._connection.connected.is_set()

    async def answers(self) -> None:
        """Raise while the broker is out of reach."""
        if not self.connected:
            raise ConnectionError("not connected to RabbitMQ")

    async def redeclare(self) -> None:
        """Declare the shared topology again, for whatever was deleted under a running service."""
        if self._connection is not None:
            async with await self._connection.channel() as channel:
                await declare(channel, self._delays, self._streams)

    async def publish(self, message: Message) -> None:
        """Tell an event; raises when it was refused, unroutable, or not confirmed within ten seconds."""
        await self._send(EVENTS, message.topic, message)

    async def delay(self, message: Message, delay_s: float, queue: str) -> None:
        """Bring `message` back to `queue` after one of the declared delays."""
        await self._send(_delay_queue(delay_s), queue, message)

    async def replay(self, message: Message, queue: str) -> None:
        """Put a parked message back into the queue of the hearer that gave it up."""
        await self._send("", queue, message)

    async def answer(self, message: Message, reply_to: str) -> None:
        """Answer an ingress message; whoever asked may have gone, which loses nothing."""
        await self._send("", reply_to, message, mandatory=False)

    async def _send(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool = True) -> None:
        if not self._exchanges:
            raise ConnectionError("not connected to RabbitMQ yet")
        await self._exchanges[exchange].publish(_outgoing(message), routing_key, mandatory=mandatory, timeout=CONFIRM_S)


def _outgoing(message: Message) -> aio_pika.Message:
    headers: dict[str, Any] = message.headers()
    if message.failures:
        headers[FAILURES] = list(message.failures)
    if message.sender:
        headers["zm-sender"] = message.sender
    return aio_pika.Message(
        message.body,
        headers=headers,
        message_id=message.id,
        type=message.topic,
        timestamp=message.at,
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        reply_to=message.reply_to,
        correlation_id=message.correlation_id,
    )


def incoming(raw: AbstractIncomingMessage, topic: str) -> Message:
    """A received AMQP message; one without metadata of ours is still read, under its `message_id`."""
    headers = raw.headers
    at = raw.timestamp or Message("", "", b"").at
    failures = headers.get(FAILURES)
    return Message(
        id=str(headers.get("ce-id") or raw.message_id or f"{raw.user_id}-{raw.correlation_id}-{hash(raw.body):x}"),
        topic=topic,
        body=raw.body,
        subject=str(headers.get("ce-subject", "")),
        source=str(headers.get("ce-source", "")),
        at=at,
        sequence=int(str(headers.get("ce-sequence", 0))),
        traceparent=str(headers["traceparent"]) if headers.get("traceparent") else None,
        sender=str(headers["zm-sender"]) if "zm-sender" in headers else raw.user_id,
        reply_to=raw.reply_to,
        correlation_id=raw.correlation_id,
        failures=tuple(map(str, failures)) if isinstance(failures, list) else (),
        redelivered=bool(raw.redelivered),
    )


class Subscriptions:
    """The consumers of one service: a quorum queue for each hearer, watched, and started anew when one is gone."""

    def __init__(self, url: str, hears: Hears, reception: Reception, publisher: RabbitPublisher) -> None:
        self._url, self._hears, self._reception, self._publisher = url, hears, reception, publisher
        self._broker: RabbitBroker | None = None
        self._queues = tuple(hearer.queue for hearer in hears.hearers)

    async def run(self) -> None:
        """Keep every subscription consuming until cancelled."""
        try:
            while True:
                try:
                    if self._broker is None:
                        await self._start()
                    if missing := await self._look():
                        log().warning("subscription_gone", queues=missing)
                        await self._publisher.redeclare()
                        await self._stop()
                        continue
                except OUTAGES as error:
                    log().warning("broker_away", error=repr(error)[:200])
                    await self._stop()
                    await asyncio.sleep(1)
                    continue
                await asyncio.sleep(CHECK_S)
        finally:
            await self._stop()

    async def _start(self) -> None:
        broker = RabbitBroker(
            self._url,
            graceful_timeout=25,
            logger=None,
            app_id=f"zhumeng.{self._hears.service}",
            fail_fast=True,
            timeout=5,
        )
        for hearer in self._hears.hearers:
            self._subscribe(broker, hearer)
        self._broker = broker
        await broker.start()

    async def _stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is not None:
            with contextlib.suppress(*OUTAGES):
                await broker.stop()

    def _subscribe(self, broker: RabbitBroker, hearer: Hearer[Any]) -> RabbitSubscriber:
        exchange = INGRESS if issubclass(hearer.event, Ingress) else EVENTS
        subscriber = broker.subscriber(
            RabbitQueue(
                hearer.queue,
                queue_type=QueueType.QUORUM,
                durable=True,
                routing_key=hearer.event.topic,
                arguments=queue_arguments(hearer.queue),
            ),
            RabbitExchange(exchange, type=StreamExchangeType.TOPIC, durable=True),
            channel=Channel(prefetch_count=hearer.at_once),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=_bytes,
        )

        @subscriber
        async def consume(raw: RabbitMessage) -> None:
            await self._settle(hearer, raw.raw_message)

        return subscriber

    async def _settle(self, hearer: Hearer[Any], raw: AbstractIncomingMessage) -> None:
        message = incoming(raw, hearer.event.topic)
        outcome = await self._reception.receive(hearer, message)
        try:
            await self._publish_outcome(hearer, message, outcome)
            crash.point("before_ack")
            await raw.ack()
            crash.point("after_ack")
        except OUTAGES as error:
            # Unacknowledged, so the broker delivers it again; the inbox knows whether it was done.
            log().warning("not_settled", id=message.id, queue=hearer.queue, error=repr(error)[:200])

    async def _publish_outcome(self, hearer: Hearer[Any], message: Message, outcome: Outcome) -> None:
        match outcome:
            case Again(again, delay_s):
                await self._publisher.delay(again, delay_s, hearer.queue)
            case Done(answer) if message.reply_to and answer is not None:
                reply = Message(
                    message.id, f"{message.topic}.answer", to_json(answer), correlation_id=message.correlation_id
                )
                await self._publisher.answer(reply, message.reply_to)

    async def consuming(self) -> None:
        """Raise unless the broker says, now, that every queue of ours has a consumer: a readiness check."""
        missing = await self._look() if self._broker is not None else self._queues
        if missing:
            raise ConnectionError(f"no consumer on {', '.join(missing)}")

    async def _look(self) -> tuple[str, ...]:
        """Ask the broker which of our queues is missing or has no consumer."""
        assert self._broker is not None
        connection = await self._broker.connect()
        return tuple([queue for queue in self._queues if not await _has_consumer(connection, queue)])


async def _has_consumer(connection: AbstractConnection, queue: str) -> bool:
    async with asyncio.timeout(CHECK_S), connection.channel() as channel:
        try:
            found = await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return False
        return bool(found.declaration_result.consumer_count)


async def _bytes(message: Any) -> bytes:
    """The body as it came: hearing reads it, so that what cannot be read is parked with its reason."""
    body: bytes = message.body
    return body
