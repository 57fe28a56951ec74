"""RabbitMQ: the topology, how a message looks on the wire, and a publisher that knows what became of each.

Holds on RabbitMQ 3.10 and 4.3. Messages are never nacked: a failed one is published to a delay queue with
confirm and then acknowledged, so no broker version counts, drops or loops it.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import aio_pika
import aiormq
from aio_pika import DeliveryMode, ExchangeType
from aio_pika.abc import (
    AbstractIncomingMessage,
    AbstractRobustChannel,
    AbstractRobustConnection,
)
from aio_pika.exceptions import AMQPException
from faststream.exceptions import FastStreamException
from faststream.rabbit.schemas.queue import QuorumQueueArgs

from chassis.delivery import Message
from chassis.tracing import TRACEPARENT

EVENTS, INGRESS, RETRY = "zhumeng.events", "zhumeng.ingress", "zhumeng.retry"
LOG = "zhumeng.log"
RETURN_S = 1.0
"""A message the broker takes from a queue by its delivery limit comes back to it after this."""
FAILURES, SENDER = "zm-failures", "zm-sender"
CONFIRM_S = 10.0
UNREAD = 16
"""Of so many messages one is waited for until the line took it, so that a broker that does not read holds us up."""
OUTAGES = (AMQPException, FastStreamException, OSError, TimeoutError, RuntimeError)
"""What the client libraries raise while the broker is away; RuntimeError from a channel closed under them."""


def delay_queue(delay_s: float) -> str:
    return f"{RETRY}.{round(delay_s * 1000)}ms"


async def declare(channel: AbstractRobustChannel, delays: Sequence[float]) -> None:
    """Declare what services share; safe to repeat.

    A message whose delay ran out goes back to its queue, which is its routing key.
    """
    events = await channel.declare_exchange(EVENTS, ExchangeType.TOPIC, durable=True)
    await channel.declare_exchange(INGRESS, ExchangeType.TOPIC, durable=True)
    stream = await channel.declare_queue(
        LOG,
        durable=True,
        arguments={"x-queue-type": "stream", "x-max-length-bytes": 20_000_000_000, "x-max-age": "365D"},
    )
    await stream.bind(events, "#")
    for delay in {*delays, RETURN_S}:
        waiting = await channel.declare_exchange(delay_queue(delay), ExchangeType.FANOUT, durable=True)
        queue = await channel.declare_queue(
            delay_queue(delay),
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
        "x-dead-letter-exchange": delay_queue(RETURN_S),
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


class RabbitPublisher:
    """Publishes with confirm and `mandatory`: returns only when the broker is responsible for the message."""

    def __init__(self, url: str, service: str, delays: Sequence[float]) -> None:
        self._url, self._service, self._delays = url, service, delays
        self._user = user_of(url)
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self._handed = 0

    async def start(self) -> None:
        """Connect and declare the shared topology; raises while the broker cannot be reached."""
        connection = await aio_pika.connect_robust(
            self._url, timeout=5, client_properties={"connection_name": f"{self._service} publisher"}
        )
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            assert isinstance(channel, AbstractRobustChannel)
            await declare(channel, self._delays)
        except BaseException:
            await connection.close()
            raise
        self._connection, self._channel = connection, channel

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
                await declare(channel, self._delays)

    async def publish(self, message: Message) -> None:
        """Tell an event; raises when it was refused, unroutable, or not confirmed within ten seconds."""
        await self._send(EVENTS, message.topic, message)

    async def delay(self, message: Message, delay_s: float, queue: str) -> None:
        """Bring `message` back to `queue` after one of the declared delays."""
        await self._send(delay_queue(delay_s), queue, message)

    async def replay(self, message: Message, queue: str) -> None:
        """Put a parked message back into the queue of the hearer that gave it up."""
        await self._send("", queue, message)

    async def answer(self, message: Message, reply_to: str) -> None:
        """Answer an ingress message; whoever asked may have gone, which loses nothing."""
        await self._send("", reply_to, message, mandatory=False)

    async def _send(self, exchange: str, routing_key: str, message: Message, *, mandatory: bool = True) -> None:
        if self._channel is None or self._channel.is_closed:
            raise ConnectionError("not connected to RabbitMQ")
        outgoing = wire(message, self._user)
        channel = await self._channel.get_underlay_channel()
        assert isinstance(channel, aiormq.Channel)
        self._handed += 1
        await channel.basic_publish(
            outgoing.body,
            exchange=exchange,
            routing_key=routing_key,
            properties=outgoing.properties,
            mandatory=mandatory,
            timeout=CONFIRM_S,
            wait=self._handed % UNREAD == 0,
        )


def user_of(url: str) -> str | None:
    """The broker user an AMQP address signs in as."""
    return unquote(urlsplit(url).username or "") or None


def wire(message: Message, user: str | None) -> aio_pika.Message:
    """The AMQP message of a Message, published by `user`: the broker refuses a `user_id` that is not the sender's."""
    headers: dict[str, Any] = message.headers()
    if message.failures:
        headers[FAILURES] = list(message.failures)
    if message.sender:
        headers[SENDER] = message.sender
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
        user_id=user,
    )


def incoming(raw: AbstractIncomingMessage, topic: str, user: str | None = None) -> Message:
    """A received AMQP message, whatever its headers hold.

    What only we may say, a retry's history and whom the message came from at first, is believed only on what
    `user`, this service itself, published; the broker checks `user_id`.
    """
    headers, ours = raw.headers, user is not None and raw.user_id == user
    failures = headers.get(FAILURES) if ours else None
    sequence = str(headers.get("ce-sequence", ""))
    traceparent = str(headers.get("traceparent", ""))
    unnamed = hashlib.sha256(raw.body).hexdigest()
    return Message(
        id=str(raw.message_id or headers.get("ce-id") or f"{raw.correlation_id or ''}{unnamed}"),
        topic=topic,
        body=raw.body,
        subject=str(headers.get("ce-subject", "")),
        source=str(headers.get("ce-source", "")),
        at=raw.timestamp or datetime.now(UTC),
        sequence=int(sequence) if sequence.isascii() and sequence.isdecimal() else 0,
        traceparent=traceparent if TRACEPARENT.fullmatch(traceparent) else None,
        sender=str(headers[SENDER]) if ours and SENDER in headers else raw.user_id,
        reply_to=raw.reply_to,
        correlation_id=raw.correlation_id,
        failures=tuple(map(str, failures)) if isinstance(failures, list) else (),
        redelivered=bool(raw.redelivered),
    )
