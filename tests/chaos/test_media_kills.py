"""P1, P8, P13 and P14 of media under load: workers, API and object store are killed at random moments while packages
come in. Nothing is lost or doubled, each package gets the verdict it has to get, and no fault of ours costs a try."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from chassis.objects import ObjectStore
from services.media.queue.rules import DEATHS_ALLOWED
from services.media.queue.store import QueueStore
from tests.chaos.killing import DIED
from tests.chaos.lane import Lane, until
from tests.chaos.night import Night
from tests.support.native import Native

SEED = 20230815
TEACHERS = 4
ENDS_S = 240.0
"""How long the queue may take to melt on a machine that is busy with other things."""


async def strike_amid_checks(night: Night, store: Native) -> None:
    """Let a queue form; kill the store as soon as a worker begins to work it off, then the worker amid a check."""
    for worker in night.workers:
        worker.alive.kill()
        await worker.let_go()
    await asyncio.gather(*(night.hand_in(name) for name in (*night.kinds, *night.kinds)))
    first, second = night.workers
    starting = asyncio.create_task(first.start())
    assert await until(lambda: any_job(night, state="running"), every_s=0.01)
    await asyncio.to_thread(store.kill_s3)
    await starting
    first.alive.arm("measured")
    assert await first.alive.death() == DIED
    await first.end_transactions()
    await asyncio.gather(first.start(), second.start())


async def any_job(night: Night, **known: str) -> bool:
    return await night.api.service.database.jobs.find_one(known) is not None


async def upload_on(night: Night, killing: "asyncio.Task[None]", chance: random.Random) -> None:
    """Hand packages of all kinds in, one after the other, for as long as there is killing."""
    while not killing.done():
        await night.hand_in(chance.choice(list(night.kinds)))


async def kill_on(night: Night, store: Native, chance: random.Random) -> None:
    """Kill one after the other at random moments, and start it again."""
    for victim in (night.workers[0], store, night.workers[1], night.api):
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        if isinstance(victim, Native):
            await asyncio.to_thread(victim.kill_s3)
        else:
            victim.alive.kill()
            await victim.end_transactions()
            await victim.start()


@pytest.mark.timeout(600)
async def test_uploads_survive_random_kills_of_workers_api_and_store(
    night: Night, store: Native, objects: ObjectStore
) -> None:
    await strike_amid_checks(night, store)
    chance = random.Random(SEED)
    killing = asyncio.create_task(kill_on(night, store, chance))
    await asyncio.gather(*(upload_on(night, killing, chance) for _ in range(TEACHERS)))
    await killing
    assert await until(night.over, ENDS_S), f"the queue did not melt: {night.workers[0].last_words()}"
    assert await night.reckoning(objects) == []
    jobs = await night.api.service.database.jobs.find().to_list()
    assert any(job["put_off_since"] for job in jobs), "the store was not away in the middle of a check"
    assert any(job["deaths"] for job in jobs), "no worker was killed in the middle of a job"


@pytest.mark.timeout(300)
async def test_package_that_segfaults_every_worker_is_held_as_our_fault_and_its_neighbours_are_done(
    night: Night, objects: ObjectStore
) -> None:
    for each in night.workers:
        each.alive.kill()
        await each.end_transactions()
    poison, *neighbours = [await night.hand_in(name) for name in ("small", "small", "720p", "long")]
    worker, deaths = night.workers[0], 0
    worker.poison(night.entries[poison])
    while not await held(night, poison):
        deaths += await died(night, worker, poison)
    job = await job_of(night, poison)
    assert (deaths, job["deaths"], job["failures"]) == (DEATHS_ALLOWED, DEATHS_ALLOWED, [])
    assert await until(lambda: judged(night, *neighbours), ENDS_S), "its neighbours were kept from their verdicts"
    assert not await judged(night, poison), "a fault of ours is no verdict"
    worker.poison("")
    worker.alive.kill()
    assert await QueueStore(night.api.service.database).release(job["_id"])
    await worker.restart()
    await night.workers[1].restart()
    assert await until(night.over, ENDS_S)
    assert await night.reckoning(objects) == []


async def died(night: Night, worker: Lane, poison: str) -> bool:
    """Start the worker; whether it died before a job was held."""
    with suppress(RuntimeError):  # it may be dead before it is ready
        await worker.restart()

    async def over() -> bool:
        return worker.alive.exit_code is not None or await held(night, poison)

    assert await until(over, ENDS_S)
    return worker.alive.exit_code is not None


async def job_of(night: Night, material: str) -> dict[str, Any]:
    return await night.api.service.database.jobs.find_one({"material": material}) or {"state": "not queued"}


async def held(night: Night, material: str) -> bool:
    return bool((await job_of(night, material))["state"] == "held")


async def judged(night: Night, *materials: str) -> bool:
    left = {"_id": {"$in": materials}, "$or": [{"check": None}, {"check.stage": "first"}]}
    return await night.api.service.database.materials.find_one(left) is None
