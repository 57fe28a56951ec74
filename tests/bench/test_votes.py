"""Votes over HTTP: durable, deduplicated, in the stream and tallied, against a naive service and against the same
server answering nothing, with the load, MongoDB and RabbitMQ on the same machine.

Whoever shares the machine slows all of them, so each side is measured in turns and the medians are compared.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import json
from rstream import Consumer, ConsumerOffsetSpecification, OffsetType

from chassis.mongo import connect
from chassis.rabbitstream import RabbitStream
from chassis.streams import body
from contracts.events.review import ProvinceApproved
from contracts.ids import CampaignId
from services.voting.models import Told
from services.voting.store import VotingStore
from tests.bench import naive
from tests.bench.load import CAMPAIGN, ENTRIES, Load, Measured, measured
from tests.bench.result import percentile, report, report_limit, resident_mb
from tests.chaos.lane import Ground, Lane, free_port, lane, until
from tests.chaos.scenarios import about_entry
from tests.support.factories import make
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import in_stream, vote

SECONDS = 4.0
ROUNDS = 3
CONNECTIONS = 512
READ, RECOUNTED = 100_000, 1_000_000
FEW, MANY = 500_000, 2_000_000
"""When everything that is kept in memory for a while has been filled, and long after."""
BATCH = 50
"""Ballots of a request where a channel hands in what came in a few milliseconds."""


@dataclass(frozen=True)
class Station:
    """Both processes of voting with entries to vote on, and where its yardsticks may stand."""

    api: Lane
    tally: Lane
    mongo_url: str
    prefix: str
    amqp_url: str

    def load(self, **changes: Any) -> Load:
        """A channel that votes here."""
        return replace(Load(self.api.port, self.api.token("frontend"), CONNECTIONS, 1, SECONDS), **changes)

    async def counted(self) -> bool:
        """Whether the tally has every ballot there is."""
        database = self.api.service.database
        votes = [sum(row["entries"].values()) async for row in database.counts.find()]
        return bool(sum(votes) == await database.ballots.estimated_document_count())


@pytest.fixture
async def station(
    mongo_url: str, rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost], database_prefix: str, tmp_path: Path
) -> AsyncIterator[Station]:
    key, own = tmp_path / "signing.pem", vhost(rabbit310)
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    told = {"env": "test", "log": "json", "mongo_url": mongo_url, "signing_key_file": key}
    ground = Ground(own.amqp_url, own.stream_url, {**told, "mongo_prefix": database_prefix}, tmp_path)
    async with lane("voting-api", ground) as api, lane("voting-tally", ground) as tally:
        for n in range(ENTRIES):
            await api.tell(make(ProvinceApproved, about=about_entry(f"entry-{n}")))
        assert await until(lambda: _votable(api))
        yield Station(api, tally, mongo_url, database_prefix, own.amqp_url)


async def _votable(api: Lane) -> bool:
    return await api.service.database.entries.count_documents({}) == ENTRIES


@contextmanager
def beside(target: Callable[..., None], *args: Any) -> Iterator[int]:
    """A yardstick in a process of its own; the port it listens at."""
    port = free_port()
    process = get_context("spawn").Process(target=target, args=(*args, port), daemon=True)
    process.start()
    yield port
    process.kill()
    process.join()


async def in_turns(*loads: Load) -> list[float]:
    """Votes a second of each, the median of its turns."""
    for load in loads:
        assert await until(lambda load=load: naive.listening(load.port))  # type: ignore[misc]
    rounds = [[(await _clean(load)).votes_s for load in loads] for _ in range(ROUNDS)]
    return [statistics.median(turns) for turns in zip(*rounds, strict=True)]


async def _clean(load: Load) -> Measured:
    found = await measured(load)
    assert found.bad == 0
    return found


@pytest.mark.timeout(300)
async def test_votes_naive(station: Station) -> None:
    with beside(naive.naive, station.mongo_url, f"{station.prefix}naive", station.amqp_url) as port:
        ours, peer = await in_turns(station.load(ballots=BATCH), station.load(port=port))
    assert await until(station.counted, 60), "every vote is tallied"
    report("votes.naive", ours, peer, 15, f"votes/s, ours {BATCH} a request")


@pytest.mark.timeout(300)
async def test_votes_ceiling(station: Station) -> None:
    with beside(naive.empty) as port:
        ours, peer = await in_turns(station.load(), station.load(port=port))
    report("votes.ceiling", ours, peer, 0.40, "votes/s, 1 a request")


@pytest.mark.timeout(300)
async def test_votes_latency(station: Station) -> None:
    turns = []
    for _ in range(ROUNDS):
        fastest = (await _clean(station.load(ballots=BATCH))).votes_s / BATCH
        found = await _clean(station.load(ballots=BATCH, rate=fastest / 2, seconds=10.0))
        assert found.votes_s / BATCH > fastest * 0.4
        turns.append(percentile(found.latencies_ms, 99))
    report_limit("votes.latency.p99", statistics.median(turns), 150, "ms")


@pytest.mark.timeout(1800)
async def test_votes_memory(station: Station) -> None:
    held = []
    for upto in (FEW, MANY):
        while await station.api.service.database.ballots.estimated_document_count() < upto:
            await _clean(station.load(ballots=BATCH, seconds=10.0))
        assert await until(station.counted, 120), "every vote is tallied"
        held.append([resident_mb(each.alive.pid) for each in (station.api, station.tally)])
    for each, few, many in zip((station.api, station.tally), *held, strict=True):
        report_limit(f"votes.memory.{each.name}", many / few, 1.1, f"of {few:.0f} MB at {FEW:,} votes, at {MANY:,}")


@pytest.mark.timeout(300)
async def test_votes_stream(rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> None:
    own = vhost(rabbit310)
    stream = RabbitStream(own.stream_url, "zhumeng.votes")
    messages = [in_stream(vote(f"b{n}")) for n in range(1000)]
    for start in range(0, READ, len(messages)):
        await stream.append("book", [(start + n, message) for n, message in enumerate(messages, 1)])
    ours, peer = [], []
    for _ in range(ROUNDS):
        ours.append(await _counted(own.stream_url))
        peer.append(await _raw(own))
    await stream.stop()
    report("votes.stream", statistics.median(ours), statistics.median(peer), 0.50, "votes/s")


async def _counted(url: str) -> float:
    """Read and decoded as the tally does."""
    stream, offset, started = RabbitStream(url, "zhumeng.votes"), 0, time.perf_counter()
    while offset < READ:
        for entry in await stream.poll(offset, 1.0):
            json.decode(body(entry.message), type=Told)
            offset = entry.offset + 1
    took = time.perf_counter() - started
    await stream.stop()
    return READ / took


async def _raw(own: Vhost) -> float:
    """The client library's own consumer, which decodes nothing."""
    parts, done = urlsplit(own.stream_url), asyncio.Event()
    consumer = Consumer(
        str(parts.hostname), parts.port or 0, vhost=own.name, username=str(parts.username),
        password=str(parts.password), load_balancer_mode=True,
    )  # fmt: skip

    def took(_: Any, context: Any) -> None:
        if context.offset == READ - 1:
            done.set()

    started = time.perf_counter()
    first = ConsumerOffsetSpecification(OffsetType.FIRST, None)
    await consumer.subscribe("zhumeng.votes", took, offset_specification=first)
    await done.wait()
    seconds = time.perf_counter() - started
    await consumer.close()
    return READ / seconds


@pytest.mark.timeout(600)
async def test_votes_recount(mongo_url: str, database_prefix: str) -> None:
    client = connect(mongo_url)
    database = client[f"{database_prefix}voting"]
    for start in range(0, RECOUNTED, 20_000):
        ballots = [
            {"_id": f"{CAMPAIGN}/{n:032x}/1", "ballot": f"{n:036x}", "campaign": CAMPAIGN, "entry": f"entry-{n % 77}"}
            for n in range(start, start + 20_000)
        ]
        await database.ballots.insert_many(ballots, ordered=False)
    started = time.perf_counter()
    tally = await VotingStore(database).recount(CampaignId(CAMPAIGN))
    took = time.perf_counter() - started
    await client.close()
    assert tally.votes == RECOUNTED
    report_limit("votes.recount", took, 30, f"s for {RECOUNTED:,} ballots")
