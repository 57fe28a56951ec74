"""Whose turn it is in the workers' queue, on a real MongoDB."""

import asyncio
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from statistics import median

from services.media.queue import rules
from tests.service.media.line import GANSU, NOBODY, PROVINCES, SICHUAN, Line


async def test_flood_of_one_studio_keeps_no_other_province_and_no_other_studio_waiting(line: Line) -> None:
    for n in range(100):
        await line.add(f"{GANSU}/flood/{n}", GANSU, "flood")
    for n in range(3):
        for province in PROVINCES:
            await line.add(f"{province}/{n}", province, f"{province}/{n}")
    await line.add(f"{GANSU}/latecomer", GANSU, "late")
    waits = defaultdict(list)
    order = await line.order()
    for wait, name in enumerate(order, 1):
        waits[name.partition("/")[0]].append(wait)
    small = {province: (median(waits[province]), max(waits[province])) for province in PROVINCES}
    assert len(order) == len(set(order)) == 131
    assert max(longest for _, longest in small.values()) <= 3 * (len(PROVINCES) + 1)
    assert max(middle for middle, _ in small.values()) <= 2 * (len(PROVINCES) + 1)
    assert order.index(f"{GANSU}/latecomer") <= 2 * (len(PROVINCES) + 1)


async def test_place_told_is_the_place_taken(line: Line) -> None:
    for n, province in enumerate([GANSU] * 6 + [SICHUAN] * 3 + [*PROVINCES[:3]]):
        await line.add(f"j-{n}", province, f"s-{n % 2}")
    await line.add("proof", SICHUAN, "s-9", "prove")
    await line.store.claim("w", NOBODY, everything=True)
    overview, places = await line.store.overview(), {}
    for row in await line.service.database.jobs.find({"state": "waiting"}).to_list():
        job = await line.job(row["_id"])
        places[job.id] = rules.standing(job, await line.store.before(job), overview, NOBODY).place or 0
    order = await line.order()
    # Lanes whose clocks are equal are served as the toss has it, so a place may be off by those.
    assert {name: abs(places[name] - place) <= 3 for place, name in enumerate(order, 1)} == dict.fromkeys(order, True)
    assert places["proof"] == len(order)


async def test_what_a_proof_takes_is_still_known_after_a_night_of_checks(line: Line) -> None:
    begun = datetime.now(UTC)
    row = {"state": "done", "started_at": begun, "finished_at": begun + timedelta(seconds=60), "level": rules.PROVE}
    later = {**row, "level": rules.CHECK, "started_at": begun + timedelta(seconds=60)}
    checks = [{**later, "_id": f"c-{n}", "finished_at": begun + timedelta(seconds=61)} for n in range(300)]
    await line.service.database.jobs.insert_many([{**row, "_id": "p"}, *checks])
    assert (await line.store.overview()).took_s == {rules.CHECK: 1.0, rules.PROVE: 60.0}


async def test_province_of_twice_the_weight_is_served_twice_as_often(line: Line) -> None:
    for n in range(30):
        for province in (GANSU, SICHUAN):
            await line.add(f"{province}/{n}", province, f"s-{n}")
    first = Counter(name.partition("/")[0] for name in (await line.order({GANSU: 2.0}))[:30])
    assert first == {GANSU: 20, SICHUAN: 10}


async def test_first_checks_go_before_rechecks_and_any_check_before_a_proof(line: Line) -> None:
    await line.add("proof", task="prove")
    await line.add("recheck", again=True)
    await line.add("first check")
    assert await line.order() == ["first check", "recheck", "proof"]


async def test_flood_of_first_checks_keeps_no_recheck_of_others_waiting(line: Line) -> None:
    for n in range(50):
        await line.add(f"flood-{n}", GANSU, "flood")
    await line.add("same province", GANSU, "s-2", again=True)
    await line.add("other province", SICHUAN, "s-3", again=True)
    assert set((await line.order())[:4]) == {"flood-0", "flood-1", "same province", "other province"}


async def test_province_idle_for_long_saves_nothing_up(line: Line) -> None:
    for n in range(20):
        await line.add(f"{GANSU}/{n}", GANSU, f"s-{n}")
    taken = [job.id for _ in range(10) if (job := await line.store.claim("w", NOBODY, everything=True))]
    for n in range(10):
        await line.add(f"{SICHUAN}/{n}", SICHUAN, f"t-{n}")
    later = Counter(name.partition("/")[0] for name in (await line.order())[:10])
    assert (len(taken), max(later.values()) <= 6) == (10, True)


async def test_many_workers_at_once_take_each_job_once(line: Line) -> None:
    for n in range(60):
        await line.add(f"j-{n}", PROVINCES[n % 10], f"s-{n}")

    async def work() -> list[str]:
        return await line.order()

    taken = [name for names in await asyncio.gather(*(work() for _ in range(8))) for name in names]
    assert Counter(taken) == {f"j-{n}": 1 for n in range(60)}
