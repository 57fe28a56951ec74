"""What delivery promises on a real broker, both series: P2, P3, P5, P7 and P8 as far as one service shows them."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import aio_pika
import httpx
import pytest
from faststream.rabbit import RabbitBroker

from chassis import hearing
from chassis.broker import EVENTS, INGRESS, LOG, RabbitPublisher
from chassis.delivery import Message
from chassis.ids import new_id
from chassis.refusal import Refused
from chassis.relay import Relay
from chassis.service import Process
from chassis.transaction import Transaction
from contracts.events.event import Event
from contracts.ingress import HandInBallot
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import Counter, OnRabbit, counter, tell, vote

TOPIC = "voting.vote_cast.v1"


class Bench:
    """One counting service alive on one vhost."""

    def __init__(self, vhost: Vhost, world: OnRabbit, make: Callable[..., Counter]) -> None:
        self.vhost, self.world, self.make = vhost, world, make

    async def commit(self, service: Counter, ballots: list[str]) -> None:
        """Commit votes of this service with the events that tell them, one transaction each."""
        for ballot in ballots:

            async def work(tx: Transaction, ballot: str = ballot) -> None:
                tx.tell(vote(ballot))

            await service.service.transactions.run(work)

    async def publish(self, event: Event | None, headers: dict[str, Any]) -> None:
        """Publish an event, or a body nobody can read, with headers of any kind and no user named."""
        body = event.model_dump_json().encode() if event else b"{"
        async with await aio_pika.connect(self.vhost.amqp_url) as connection, connection.channel() as channel:
            message = aio_pika.Message(body, headers=headers, message_id=new_id())
            await (await channel.get_exchange(EVENTS)).publish(message, TOPIC)

    async def waiting(self, service: Counter) -> int:
        return await service.service.records.outbox.count_documents({"waiting": True})

    async def logged(self) -> list[str]:
        """Ids of everything in the log stream, in its order."""
        ids: list[str] = []
        async with await aio_pika.connect(self.vhost.amqp_url) as connection, connection.channel() as channel:
            await channel.set_qos(prefetch_count=100)
            queue = await channel.get_queue(LOG)
            stream = queue.iterator(arguments={"x-stream-offset": "first"}, timeout=1)
            try:
                async for message in stream:
                    ids.append(str(message.message_id))
                    await message.ack()
            except TimeoutError:
                pass
        return ids


@pytest.fixture
async def bench(
    rabbit: Rabbit, vhost: Callable[[Rabbit], Vhost], mongo_url: str, database_prefix: str
) -> AsyncIterator[Bench]:
    own = vhost(rabbit)
    async with AsyncExitStack() as stack:
        world = OnRabbit(own.amqp_url, stack)
        yield Bench(
            own, world, lambda name, **options: counter(name, mongo_url, database_prefix, own.amqp_url, **options)
        )


async def test_committed_events_arrive_and_rolled_back_ones_do_not(bench: Bench) -> None:
    service = bench.make("teller")
    await bench.world.join(service.service)

    async def fails(tx: Transaction) -> None:
        tx.tell(vote("never"))
        raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError, match="rolled back"):
        await service.service.transactions.run(fails)
    await bench.commit(service, ["b1", "b2"])
    assert await bench.world.until(lambda: service.has(2))
    assert await service.counted() == {"b1": 1, "b2": 1}


async def test_every_outbox_row_replayed_six_days_later_changes_nothing(bench: Bench) -> None:
    service = bench.make("replayed")
    await bench.world.join(service.service)
    await bench.commit(service, [f"b{n}" for n in range(10)])
    assert await bench.world.until(lambda: service.has(10))
    records = service.service.records
    six_days_ago = datetime.now(UTC) - timedelta(days=6)
    await records.inbox.update_many({}, {"$set": {"at": six_days_ago}})
    await records.outbox.update_many({}, {"$set": {"waiting": True, "at": six_days_ago}})
    await bench.commit(service, ["last"])
    assert await bench.world.until(lambda: service.has(11))
    assert await service.counted() == {**{f"b{n}": 1 for n in range(10)}, "last": 1}
    assert len(set(await bench.logged())) == 11


async def test_unroutable_publish_raises_and_its_row_stays_unsent_until_it_can_go(bench: Bench) -> None:
    service = bench.make("unbound")
    await service.service.ready_database()
    publisher = RabbitPublisher(bench.vhost.amqp_url, "unbound", (0.05,))
    await publisher.start()
    relay = Relay(service.service.records, publisher)
    await _unbind_log(bench.vhost)
    await bench.commit(service, ["b"])
    await relay.drain()
    assert await bench.waiting(service) == 1
    await publisher.redeclare()
    await relay.drain()
    assert await bench.waiting(service) == 0
    await publisher.stop()


async def test_refused_publish_leaves_its_row_unsent(bench: Bench) -> None:
    service = bench.make("full")
    await service.service.ready_database()
    publisher = RabbitPublisher(bench.vhost.amqp_url, "full", (0.05,))
    await publisher.start()
    async with await aio_pika.connect(bench.vhost.amqp_url) as connection, connection.channel() as channel:
        full = await channel.declare_queue("full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        await full.bind(EVENTS, TOPIC)
        await bench.commit(service, ["b"])
        await Relay(service.service.records, publisher).drain()
        assert await bench.waiting(service) == 1
        await full.delete()
    relay = Relay(service.service.records, publisher)
    await relay.drain()
    assert await bench.waiting(service) == 0
    await publisher.stop()


async def test_events_of_one_subject_go_out_in_the_order_of_their_commits(bench: Bench) -> None:
    service = bench.make("ordering", at_once=1)
    await bench.world.join(service.service)

    async def one(n: int) -> None:
        async def work(tx: Transaction) -> None:
            await service.service.database.turns.update_one(
                {"_id": "x"}, {"$inc": {"n": 1}}, upsert=True, session=tx.session
            )
            tx.tell(vote("same"))

        await service.service.transactions.run(work)

    await asyncio.gather(*(one(n) for n in range(30)))
    assert await bench.world.until(lambda: _none_waiting(bench, service))
    rows = await service.service.records.outbox.find().sort("sequence").to_list()
    told = [row["_id"] for row in rows]
    assert [row["sequence"] for row in rows] == list(range(1, 31))
    logged = await bench.logged()
    assert logged == told


async def test_poison_among_a_thousand_parks_alone(bench: Bench) -> None:
    service = bench.make("crowd", at_once=50, fails={"b500": 99})
    await bench.world.join(service.service)
    await asyncio.gather(
        *(bench.commit(service, [f"b{n}" for n in range(start, start + 100)]) for start in range(0, 1000, 100))
    )
    assert await bench.world.until(lambda: service.has(999), within_s=100)
    assert await bench.world.until(lambda: service.has_parked(1))
    assert set((await service.counted()).values()) == {1}
    [row] = await service.parked()
    assert len(row["failures"]) == 2


async def test_message_that_ends_the_process_is_parked_at_last(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handling is begun, and the connection dies with it, until it has done so once too often."""
    service = bench.make("deadly")
    await service.service.ready_database()
    message = _redelivered(vote("b"))
    monkeypatch.setattr(service.service.reception, "_attempt", _dies)
    monkeypatch.setattr(service.service.records.attempts, "delete_one", _nothing)
    for _ in range(hearing.DEATHS_ALLOWED - 1):  # the first delivery of all is not a redelivered one
        with pytest.raises(_Died):
            await service.service.reception.receive(service.service.hears.hearers[0], message)
    outcome = await service.service.reception.receive(service.service.hears.hearers[0], message)
    assert isinstance(outcome, hearing.Parked)
    assert await service.has_parked(1)


async def test_repeat_that_meets_its_own_effect_is_no_failure(bench: Bench) -> None:
    """Two consumers get the same message at once; the slower one fails on what the faster has done."""
    service = bench.make("twins")
    await service.service.ready_database()
    hearer = service.service.hears.hearers[0]
    counted = hearer.handle

    async def handle(event: Event) -> None:
        await asyncio.sleep(0.05)
        if await service.counted():
            raise Refused(409, "already_decided", "已处理。", "Already decided.")
        await counted(event)

    once = replace(hearer, handle=handle)
    message = Message("twin", TOPIC, vote("b").model_dump_json().encode())
    first = asyncio.create_task(service.service.reception.receive(once, message))
    await asyncio.sleep(0.03)
    second = await service.service.reception.receive(once, message)
    assert isinstance(await first, hearing.Done)
    assert isinstance(second, hearing.Done)
    assert await service.parked() == []


@pytest.mark.parametrize(
    "headers",
    [{"ce-sequence": "x"}, {"traceparent": "zzz"}, {"zm-failures": "no list"}, {"ce-id": 7, "ce-subject": None}],
    ids=str,
)
async def test_header_of_any_kind_stops_nobody(bench: Bench, headers: dict[str, Any]) -> None:
    service = bench.make("tolerant", at_once=2)
    await bench.world.join(service.service)
    for n in range(5):
        await bench.publish(vote(f"odd{n}"), headers)
    await tell(bench.world, vote("neighbour"))
    assert await bench.world.until(lambda: service.has(6))


async def test_sender_is_whom_the_broker_saw(bench: Bench) -> None:
    service = bench.make("wary")
    await bench.world.join(service.service)
    await bench.publish(None, {"zm-sender": "douyin", "zm-failures": ["a", "b", "c"]})
    assert await bench.world.until(lambda: service.has_parked(1))
    [row] = await service.parked()
    assert (row["sender"], row["failures"]) == (None, [])


async def test_answer_nobody_may_take_holds_nothing_up(bench: Bench) -> None:
    """A frontend names a queue that is not its own, or one that refuses: its ballot counts, the next one too."""
    service = bench.make("asked")
    await bench.world.join(service.service)
    async with await aio_pika.connect(bench.vhost.amqp_url) as connection, connection.channel() as channel:
        await channel.declare_queue("zhumeng.reply.full", arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        mine = await channel.declare_queue("asked.of.another")
        ingress = await channel.get_exchange(INGRESS)
        for n, reply_to in enumerate(["zhumeng.reply.full"] * 12 + ["asked.of.another"]):
            body = {"campaign": "c", "entry": "e", "voter": f"v{n}"}
            message = aio_pika.Message(json.dumps(body).encode(), message_id=f"m{n}", reply_to=reply_to)
            await ingress.publish(message, HandInBallot.topic)
        assert await bench.world.until(lambda: service.has(13))
        assert await mine.get(fail=False) is None


async def test_deleted_queue_turns_readiness_red_and_is_consumed_again(bench: Bench) -> None:
    service = bench.make("cut")
    process = Process(service.service)
    app = service.service.http()
    async with process.lifespan(app):
        assert await bench.world.until(lambda: _ready(service, True))
        with bench.vhost.rabbit.management() as api:
            api.delete(f"/api/queues/{bench.vhost.name}/cut.{TOPIC}").raise_for_status()
        assert await bench.world.until(lambda: _ready(service, False))
        assert await bench.world.until(lambda: _ready(service, True), within_s=30)
        await tell(bench.world, vote("after"))
        assert await bench.world.until(lambda: service.has(1))


async def test_broker_that_closes_every_connection_is_come_back_to(bench: Bench) -> None:
    service = bench.make("dropped")
    await bench.world.join(service.service)
    await bench.commit(service, ["before"])
    assert await bench.world.until(lambda: service.has(1))
    with bench.vhost.rabbit.management() as api:
        for connection in api.get(f"/api/vhosts/{bench.vhost.name}/connections").json():
            api.delete(f"/api/connections/{connection['name']}")
    await bench.commit(service, ["after"])
    assert await bench.world.until(lambda: service.has(2), within_s=30)


async def test_process_stops_in_time_while_events_flow(bench: Bench) -> None:
    """Several times, since what could hang it was a cancellation that met an answer of the database."""
    for n in range(3):
        service = bench.make(f"stopping{n}")
        process = Process(service.service)
        async with process.lifespan(service.service.http()):
            assert await bench.world.until(partial(_ready, service, True))
            committing = asyncio.create_task(bench.commit(service, [f"b{k}" for k in range(200)]))
            await asyncio.sleep(0.3 + n / 50)
            committing.cancel()
            started = time.monotonic()
        assert time.monotonic() - started < 10


async def test_process_whose_cancellation_is_taken_for_a_loss_of_the_line_stops_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client library answers with the loss where a cancellation meets one."""
    service = bench.make("deaf")
    process = Process(service.service)
    looking = asyncio.Event()

    async def look() -> tuple[str, ...]:
        looking.set()
        try:
            return await asyncio.sleep(3600, ())
        except asyncio.CancelledError:
            raise ConnectionError("the line is gone") from None

    monkeypatch.setattr(process.subscriptions, "_look", look)
    async with process.lifespan(service.service.http()):
        await looking.wait()
        started = time.monotonic()
    assert time.monotonic() - started < 10


async def test_consumer_that_cannot_be_stopped_in_order_takes_no_further_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = bench.make("stuck")
    process = await bench.world.join(service.service)

    async def fails(*_: Any) -> None:
        raise ExceptionGroup("failed to stop subscribers", [ConnectionError("channel closed")])

    with monkeypatch.context() as broken:
        broken.setattr(RabbitBroker, "stop", fails)
        await process.subscriptions._stop()
    assert await bench.world.until(partial(_ready, service, True))
    await bench.commit(service, [f"b{n}" for n in range(30)])
    assert await bench.world.until(lambda: service.has(30), within_s=15)


async def test_broker_down_at_start_is_waited_for(mongo_url: str, database_prefix: str) -> None:
    service = counter("early", mongo_url, database_prefix, "amqp://guest:guest@127.0.0.1:1/")
    async with Process(service.service).lifespan(service.service.http()):
        await asyncio.sleep(0.5)
        answer = await _health(service)
        assert answer.status_code == 503
        assert answer.json()["parts"]["started"] == "ConnectionError: waiting for rabbitmq"
        assert answer.json()["parts"]["mongodb"] == "ok"


def _redelivered(event: Event) -> Message:
    return Message("deadly", event.topic, event.model_dump_json().encode(), redelivered=True)


class _Died(BaseException):
    """Stands for the end of the process: nothing after it runs."""


async def _dies(*_: Any) -> Any:
    raise _Died


async def _nothing(*_: Any) -> None:
    """The process is gone before this would run."""


async def _none_waiting(bench: Bench, service: Counter) -> bool:
    return await bench.waiting(service) == 0


async def _health(service: Counter) -> httpx.Response:
    transport = httpx.ASGITransport(service.service.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get("/health/ready")


async def _ready(service: Counter, well: bool) -> bool:
    return (await _health(service)).json()["ready"] is well


async def _unbind_log(vhost: Vhost) -> None:
    async with await aio_pika.connect(vhost.amqp_url) as connection, connection.channel() as channel:
        await (await channel.get_queue(LOG)).unbind(EVENTS, "#")
