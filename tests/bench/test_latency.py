"""From commit in one service to its effect in the next, each in a process of its own, at 100 events a second."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from multiprocessing.connection import Connection

import uvloop

from chassis.service import unpaused
from chassis.transaction import Transaction
from contracts.events.voting import VoteCast
from tests.bench.result import percentile, report_limit
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import Counter, OnRabbit, counter, vote

RATE, SECONDS = 100, 18
WARM_UP = 600
"""Events before connections are made, code is loaded and what piled up meanwhile is worked off."""


async def test_commit_to_effect(
    rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost], mongo_url: str, database_prefix: str
) -> None:
    url = vhost(rabbit310).amqp_url
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    hearer = spawn.Process(target=_hear, args=(mongo_url, database_prefix, url, theirs))
    hearer.start()
    try:
        assert await asyncio.to_thread(ours.recv) == "consuming"
        committed = await _tell(mongo_url, database_prefix, url)
        ours.send("stop")
        effects: dict[str, float] = await asyncio.to_thread(ours.recv)
    finally:
        hearer.join(20)
    assert effects.keys() == committed.keys()
    waits = [(effects[ballot] - at) * 1000 for ballot, at in list(committed.items())[WARM_UP:]]
    report_limit("events.latency.p99", percentile(waits, 99), 60, "ms")


async def _tell(mongo_url: str, prefix: str, url: str) -> dict[str, float]:
    """Commit an event every 10 ms; when each was committed, in Unix seconds."""
    committed: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        teller = counter("teller", mongo_url, prefix, url)
        teller.service.hears.hearers.clear()
        await OnRabbit(url, stack).join(teller.service)
        started = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for n in range(RATE * SECONDS):
                await asyncio.sleep(max(0.0, started + n / RATE - time.perf_counter()))
                tasks.create_task(_commit(teller, f"b{n}", committed))
        await asyncio.sleep(3)
    return committed


async def _commit(teller: Counter, ballot: str, committed: dict[str, float]) -> None:
    async def work(tx: Transaction) -> None:
        tx.tell(vote(ballot))

    await teller.service.transactions.run(work)
    committed[ballot] = time.time()


def _hear(mongo_url: str, prefix: str, url: str, pipe: Connection) -> None:
    unpaused()
    uvloop.run(_consume(mongo_url, prefix, url, pipe))


async def _consume(mongo_url: str, prefix: str, url: str, pipe: Connection) -> None:
    effects: dict[str, float] = {}
    async with AsyncExitStack() as stack:
        service = counter("hearer", mongo_url, prefix, url)
        [votes, _] = service.service.hears.hearers
        handle = votes.handle

        async def timed(event: VoteCast) -> None:
            await handle(event)
            effects[event.ballot] = time.time()

        service.service.hears.hearers.clear()
        service.service.hears(VoteCast)(timed)
        await OnRabbit(url, stack).join(service.service)
        pipe.send("consuming")
        await asyncio.to_thread(pipe.recv)
    pipe.send(effects)
