"""What becomes of a job in the workers' queue, and what dead workers leave, on a real MongoDB."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from chassis.ending import ended
from chassis.refusal import Refused
from services.media.queue import rules
from services.media.queue.models import SUSPECTED, Job, Task
from services.media.queue.working import Reading, Worker
from tests.service.media.line import NOBODY, WITHIN, Line


async def test_job_of_a_dead_worker_is_done_by_another(line: Line) -> None:
    await line.add("j")
    assert await line.store.claim("dead", NOBODY, everything=True)
    await line.die("j")
    await line.work_off(line.worker())
    assert (line.done, (await line.job("j")).deaths) == (["j"], 1)


async def test_job_that_kills_its_workers_is_held_at_last_and_its_neighbours_are_done(line: Line) -> None:
    await line.add("poison", studio="s-0")
    for n in range(5):
        await line.add(f"j-{n}", studio=f"s-{n}")
    deaths = 0
    worker = line.worker()
    while (job := await line.job("poison")).state != "held":
        claimed = await line.store.claim("w", NOBODY, everything=True)
        if claimed and claimed.id == "poison":
            deaths += 1
            await line.die("poison")
        elif claimed:
            await line.finish(claimed)
        await line.store.tend()
    await line.work_off(worker)
    assert (deaths, sorted(line.done)) == (rules.DEATHS_ALLOWED, [f"j-{n}" for n in range(5)])
    assert job.reason == f"its worker was gone {rules.DEATHS_ALLOWED} times before it was done"
    assert [held.id for held in await line.store.held()] == ["poison"]
    assert await line.store.release("poison")
    await line.work_off(worker)
    assert line.done[-1] == "poison"


async def test_suspect_runs_with_nothing_beside_it(line: Line) -> None:
    beside: list[int] = []
    running = 0

    async def watch(job: Job, _: Reading) -> None:
        nonlocal running
        running += 1
        await asyncio.sleep(0.02)
        if job.suspect:
            beside.append(running)
        running -= 1

    for n in range(8):
        await line.add(f"j-{n}", studio=f"s-{n}")
    for _ in range(SUSPECTED):
        claimed = await line.store.claim("dead", NOBODY, everything=True)
        assert claimed is not None
        await line.die(claimed.id)
        await line.store.tend()
    worker = line.worker(watch)
    slots = [asyncio.ensure_future(slot()) for slot in (worker.run, worker.run_beside, worker.run_beside)]
    async with asyncio.timeout(30):
        while len(line.done) < 8:  # noqa: ASYNC110 - the slots' doing
            await asyncio.sleep(0.01)
    await ended(*slots)
    assert beside == [1]


async def test_check_whose_worker_died_once_does_not_wait_for_a_proof_to_end(line: Line) -> None:
    """The worker that is left may be decoding a film for a long time."""
    await line.add("proof", task="prove")
    await line.store.claim("alive", NOBODY, everything=True)
    await line.add("check")
    assert await line.store.claim("dead", NOBODY, everything=False)
    await line.die("check")
    await line.store.tend()
    again = await line.store.claim("alive", NOBODY, everything=False)
    assert again is not None
    assert (again.id, again.suspect) == ("check", False)


async def test_check_does_not_wait_for_a_proof_to_end(line: Line) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def work(job: Job, _: Reading) -> None:
        if job.task == "prove":
            begun.set()
            await over.wait()

    for n in range(2):
        await line.add(f"proof-{n}", task="prove")
    worker = line.worker(work)
    slots = [asyncio.ensure_future(slot()) for slot in (worker.run, worker.run_beside)]
    await begun.wait()
    await line.add("check")
    async with asyncio.timeout(30):
        while line.done != ["check"]:  # noqa: ASYNC110 - the slots' doing
            await asyncio.sleep(0.01)
    over.set()
    async with asyncio.timeout(30):
        while len(line.done) < 3:  # noqa: ASYNC110 - the slots' doing
            await asyncio.sleep(0.01)
    await ended(*slots)


async def test_job_that_fails_comes_back_and_is_held_when_its_tries_run_out(line: Line) -> None:
    tries = Counter[str]()

    async def fail(job: Job, _: Reading) -> None:
        tries[job.id] += 1
        match job.id:
            case "outage" if tries[job.id] < 6:
                raise ConnectionError("the store is away")
            case "broken":
                raise ValueError("no idea")
            case "refused":
                raise Refused(409, "never", "不行", "it never will")

    for name in ("outage", "broken", "refused", "well"):
        await line.add(name, studio=name)
    await line.work_off(line.worker(fail))
    held = {job.id: job.reason for job in await line.store.held()}
    assert (sorted(line.done), tries) == (["outage", "well"], {"outage": 6, "broken": 3, "refused": 1, "well": 1})
    assert held == {"broken": "failed 3 times, last: ValueError('no idea')", "refused": "never: it never will"}


async def test_worker_told_to_stop_gives_its_job_back_at_once(line: Line) -> None:
    begun = asyncio.Event()

    async def long(_: Job, __: Reading) -> None:
        begun.set()
        await asyncio.sleep(60)

    await line.add("j")
    slot = asyncio.ensure_future(line.worker(long).run())
    await begun.wait()
    await ended(slot)
    job = await line.job("j")
    assert (job.state, job.deaths) == ("waiting", 0)
    assert (await line.store.overview()).clocks[job.lane] == 0, "its province is billed for what was not done"


async def test_worker_told_to_stop_while_it_takes_a_job_gives_that_back(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, bill = asyncio.Event(), line.store.clocks.bill

    async def slow(*arguments: Any) -> None:
        taken.set()
        await asyncio.sleep(0.1)
        await bill(*arguments)

    monkeypatch.setattr(line.store.clocks, "bill", slow)
    await line.add("j")
    slot = asyncio.ensure_future(line.worker().run())
    await taken.wait()
    await ended(slot)
    job = await line.job("j")
    assert (job.state, job.deaths, line.done) == ("waiting", 0, [])
    assert (await line.store.overview()).clocks[job.lane] == 0


async def test_worker_that_lost_its_lease_stops_and_another_is_left_in_peace(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "BEAT", timedelta(milliseconds=20))
    begun = asyncio.Event()

    async def long(_: Job, __: Reading) -> None:
        begun.set()
        await asyncio.sleep(60)

    await line.add("j")
    slow = asyncio.ensure_future(line.worker(long).step())
    await begun.wait()
    await line.service.database.jobs.update_one({"_id": "j"}, {"$set": {"worker": "another"}})
    assert await asyncio.wait_for(slow, 10)
    assert (await line.job("j")).worker == "another"


async def test_worker_is_not_stopped_for_the_lease_of_what_it_has_just_finished(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "BEAT", timedelta(milliseconds=1))
    out = []

    async def slow(job: Job, _: Reading) -> None:
        await line.finish(job)
        await asyncio.sleep(0.2)
        out.append(job.id)

    await line.add("j")
    await Worker(line.store, {"check": slow}, NOBODY, (0.01,), WITHIN).step()
    assert out == ["j"]


async def test_second_look_that_takes_long_takes_no_slot_from_checks(line: Line) -> None:
    going, most, over = list[str](), list[set[str]](), asyncio.Event()

    async def slow(job: Job, _: Reading) -> None:
        going.append(job.id)
        most.append(set(going))
        await (over.wait() if job.task == "prove" else asyncio.sleep(0.5))
        going.remove(job.id)

    worker = line.worker(slow)
    await line.add("whole", task="prove")
    slots = [asyncio.ensure_future(slot) for slot in (worker.run(), worker.run_beside(), worker.run_spare())]
    async with asyncio.timeout(20):
        while "whole" not in going:  # noqa: ASYNC110 # a slot takes it when it looks
            await asyncio.sleep(0.01)
        for number in range(4):
            await line.add(f"c-{number}", studio=f"s-{number}")
        while len(line.done) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        over.set()
        while len(line.done) < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert max(map(len, most)) == 3
    for number in range(4, 8):
        await line.add(f"c-{number}", studio=f"s-{number}")
    most.clear()
    async with asyncio.timeout(20):
        while len(line.done) < 9:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await ended(*slots)
    assert max(map(len, most)) == 2


async def test_each_kind_of_job_has_its_own_time(line: Line) -> None:
    async def slow(job: Job, _: Reading) -> None:
        await asyncio.sleep(0.3)
        await line.finish(job)

    within: dict[Task, timedelta] = {"check": timedelta(seconds=0.1), "prove": timedelta(seconds=10)}
    worker = Worker(line.store, {"check": slow, "prove": slow}, NOBODY, (5.0,), within)
    await line.add("c")
    await line.add("p", task="prove")
    await worker.step()
    await worker.step()
    assert line.done == ["p"]


async def test_reading_is_shown_while_a_job_runs(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "BEAT", timedelta(milliseconds=20))

    async def read(_: Job, reading: Reading) -> None:
        reading.total, reading.done = 200, 50
        while (await line.job("j")).percent is None:  # noqa: ASYNC110 - it comes with a beat
            await asyncio.sleep(0.01)

    await line.add("j")
    async with asyncio.timeout(20):
        await line.work_off(line.worker(read))
    assert (await line.job("j")).percent == 25
