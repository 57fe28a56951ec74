"""Outbox to broker, confirmed, against raw aio-pika confirmed publishing with as many in flight."""

import asyncio
import statistics
import time
from collections.abc import Callable

import aio_pika

from chassis.broker import EVENTS, RabbitPublisher, user_of, wire
from chassis.delivery import Message
from chassis.ids import new_id
from chassis.relay import BATCH, Relay
from chassis.transaction import Transaction
from tests.bench.result import report
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import Counter, counter, vote

EVENTS_A_ROUND = 5000
ROUNDS = 5


async def test_relay(rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost], mongo_url: str, database_prefix: str) -> None:
    url = vhost(rabbit310).amqp_url
    service = counter("relayed", mongo_url, database_prefix, url)
    await service.service.ready_database()
    publisher = RabbitPublisher(url, "bench", (1,))
    await publisher.start()
    ours, peer = [], []
    for _ in range(ROUNDS):
        await _fill(service)
        ours.append(await _relayed(service, publisher))
        peer.append(await _raw(url))
    await publisher.stop()
    report("relay", statistics.median(ours), statistics.median(peer), 0.60, "events/s")


async def _fill(service: Counter) -> None:
    async def work(tx: Transaction) -> None:
        for _ in range(250):
            tx.tell(vote(new_id()))

    for _ in range(EVENTS_A_ROUND // 250):
        await service.service.transactions.run(work)


async def _relayed(service: Counter, publisher: RabbitPublisher) -> float:
    relay = Relay(service.service.records, publisher)
    started = time.perf_counter()
    while await relay.drain():
        pass
    took = time.perf_counter() - started
    assert await service.service.records.outbox.count_documents({"waiting": True}) == 0
    return EVENTS_A_ROUND / took


async def _raw(url: str) -> float:
    """The same messages with the same headers, confirmed and mandatory, as many in flight as a relay batch."""
    event, user = vote(new_id()), user_of(url)
    body = event.model_dump_json().encode()
    async with await aio_pika.connect(url) as connection:
        exchange = await (await connection.channel(publisher_confirms=True, on_return_raises=True)).get_exchange(EVENTS)
        started = time.perf_counter()
        for _ in range(EVENTS_A_ROUND // BATCH):
            messages = [
                wire(Message(new_id(), event.topic, body, event.subject, "zhumeng/relayed"), user) for _ in range(BATCH)
            ]
            await asyncio.gather(*(exchange.publish(message, event.topic) for message in messages))
        return EVENTS_A_ROUND / (time.perf_counter() - started)
