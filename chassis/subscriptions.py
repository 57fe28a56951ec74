"""The consumers of a service: a quorum queue for each hearer, watched, and started anew when one is gone."""

import asyncio
import contextlib
from typing import Any

from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity
from faststream.middlewares import AckPolicy
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.annotations import RabbitMessage
from faststream.rabbit.subscriber import RabbitSubscriber
from pydantic_core import to_json

from chassis import crash
from chassis.broker import EVENTS, INGRESS, OUTAGES, RETURN_S, RabbitPublisher, incoming, queue_arguments, user_of
from chassis.delivery import Message
from chassis.ending import stopping
from chassis.hearing import Again, Done, Hearer, Hears, Outcome, Reception
from chassis.logs import log
from contracts.ingress import Ingress

CHECK_S, STEP_S, STOP_S = 5.0, 20.0, 30.0
"""Between two looks; for one step of keeping alive; for the deliveries in hand to be settled."""
REPLIES = ("amq.rabbitmq.reply-to.", "zhumeng.reply.")
"""Where answers may go: nowhere else can a frontend make a service write."""


class Subscriptions:
    """What `run` keeps consuming; each message goes to the reception and is settled by its outcome."""

    def __init__(self, url: str, hears: Hears, reception: Reception, publisher: RabbitPublisher) -> None:
        self._url, self._hears, self._reception, self._publisher = url, hears, reception, publisher
        self._alive: tuple[RabbitBroker, AbstractConnection] | None = None
        self._user = user_of(url)
        self._queues = tuple(hearer.queue for hearer in hears.hearers)

    async def run(self) -> None:
        """Keep every subscription consuming until cancelled."""
        try:
            # Not `True`: the client libraries can turn a cancellation that meets a loss of the line into that loss.
            while not stopping():
                try:
                    async with asyncio.timeout(STEP_S):
                        if self._alive is None:
                            await self._start()
                        missing = await self._look()
                        if missing:
                            log().warning("subscription_gone", queues=missing)
                            await self._publisher.redeclare()
                    if missing:
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

    def broker(self) -> RabbitBroker:
        """Every subscription on a FastStream broker that is not connected yet."""
        broker = RabbitBroker(
            self._url,
            graceful_timeout=25,
            logger=None,
            app_id=f"zhumeng.{self._hears.service}",
            fail_fast=True,
            timeout=5,
            apply_types=False,
        )
        for hearer in self._hears.hearers:
            self._subscribe(broker, hearer)
        return broker

    async def _start(self) -> None:
        broker = self.broker()
        connection = await broker.connect()
        try:
            await broker.start()
        except BaseException:
            await _end(broker, connection)
            raise
        self._alive = broker, connection

    async def _stop(self) -> None:
        alive, self._alive = self._alive, None
        if alive is not None:
            await _end(*alive)

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
            RabbitExchange(exchange, type=ExchangeType.TOPIC, durable=True),
            channel=Channel(prefetch_count=hearer.at_once),
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            decoder=_undecoded,
        )

        @subscriber
        async def consume(raw: RabbitMessage) -> None:
            await self._settle(hearer, raw.raw_message)

        return subscriber

    async def _settle(self, hearer: Hearer[Any], raw: AbstractIncomingMessage) -> None:
        message = incoming(raw, hearer.event.topic, self._user)
        outcome = await self._reception.receive(hearer, message)
        try:
            await self._publish_outcome(hearer, message, outcome)
            crash.point("before_ack")
            await raw.ack()
            crash.point("after_ack")
        except OUTAGES as error:
            log().warning("not_settled", id=message.id, queue=hearer.queue, error=repr(error)[:200])
            await self._give_back(raw)

    async def _give_back(self, raw: AbstractIncomingMessage) -> None:
        """Let the broker deliver it again, after a pause: the inbox knows whether it was done."""
        await asyncio.sleep(RETURN_S)
        with contextlib.suppress(*OUTAGES):  # with the channel gone, the broker has taken it back already
            await raw.reject(requeue=True)

    async def _publish_outcome(self, hearer: Hearer[Any], message: Message, outcome: Outcome) -> None:
        match outcome:
            case Again(again, delay_s):
                await self._publisher.delay(again, delay_s, hearer.queue)
            case Done(answer) if message.reply_to and answer is not None:
                await self._answer(message, message.reply_to, to_json(answer))

    async def _answer(self, message: Message, reply_to: str, body: bytes) -> None:
        """Answer who asked; an answer that cannot be delivered takes nothing from what was done."""
        if not reply_to.startswith(REPLIES):
            log().warning("answer_refused", id=message.id, sender=message.sender, reply_to=reply_to)
            return
        reply = Message(message.id, f"{message.topic}.answer", body, correlation_id=message.correlation_id)
        try:
            await self._publisher.answer(reply, reply_to)
        except OUTAGES as error:
            log().warning("answer_lost", id=message.id, reply_to=reply_to, error=repr(error)[:200])

    async def consuming(self) -> None:
        """Raise unless the broker says, now, that every queue of ours has a consumer: a readiness check."""
        missing = await self._look() if self._alive is not None else self._queues
        if missing:
            raise ConnectionError(f"no consumer on {', '.join(missing)}")

    async def _look(self) -> tuple[str, ...]:
        """Ask the broker which of our queues is missing or has no consumer."""
        assert self._alive is not None
        _, connection = self._alive
        return tuple([queue for queue in self._queues if not await _has_consumer(connection, queue)])


async def _end(broker: RabbitBroker, connection: AbstractConnection) -> None:
    """Let the deliveries in hand be settled and close the line: a consumer left on it would take messages and settle
    none, so it is closed whatever the orderly way came to."""
    try:
        async with asyncio.timeout(STOP_S):
            await broker.stop()
    except* OUTAGES as errors:
        log().warning("not_stopped_in_order", errors=[repr(error)[:200] for error in errors.exceptions])
    finally:
        with contextlib.suppress(*OUTAGES):
            async with asyncio.timeout(CHECK_S):
                await connection.close()


async def _has_consumer(connection: AbstractConnection, queue: str) -> bool:
    async with asyncio.timeout(CHECK_S), connection.channel() as channel:
        try:
            found = await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return False
        return bool(found.declaration_result.consumer_count)


async def _undecoded(message: Any) -> Any:
    """The message as it came: hearing reads its body, so that what cannot be read is parked with its reason."""
    return message
