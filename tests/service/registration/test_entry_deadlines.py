"""Entries at the edges of their campaign: its opening, its deadline, the drain after it and the time to mend."""

import asyncio
from datetime import timedelta

import pytest

from chassis.ending import ended
from contracts.events.registration import EntrySubmitted
from tests.service.registration.factories import (
    DEADLINE,
    DRAIN,
    MILLISECOND,
    SECOND,
    SLOT,
    entry_decision,
    new_entry,
    uploaded,
    validated,
)
from tests.service.registration.stage import Stage


@pytest.mark.parametrize("early", [SECOND, MILLISECOND])
async def test_entry_handed_in_before_the_deadline_counts_when_completed_after(stage: Stage, early: timedelta) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    stage.clock.set(DEADLINE - early)
    answer = await web.post(f"/v1/entries/{entry['entry']}/submit")
    upload = uploaded(entry, DEADLINE + DRAIN - MILLISECOND, taken_at=DEADLINE - early)
    stage.clock.set(DEADLINE + DRAIN + timedelta(hours=9))
    await stage.bus.tell(upload)
    await stage.bus.tell(validated(upload))
    await stage.bus.settle()
    assert answer.status_code == 202
    assert [each.received_at for each in stage.bus.told_of(EntrySubmitted)] == [DEADLINE - early]


@pytest.mark.parametrize("late", [timedelta(0), MILLISECOND, SECOND])
async def test_entry_handed_in_after_the_deadline_is_refused(stage: Stage, late: timedelta) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.tell(validated(upload))
    await stage.bus.settle()
    stage.clock.set(DEADLINE + late)
    before = await stage.documents()
    refused = [
        await web.post(f"/v1/entries/{entry['entry']}/submit"),
        await web.post("/v1/entries", json=new_entry(theme="double-reduction")),
    ]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "deadline_passed")] * 2
    assert await stage.documents() == before


async def test_entry_before_the_opening_is_refused(stage: Stage) -> None:
    web = await stage.certified()
    stage.clock.set(DEADLINE - timedelta(days=365))
    answer = await web.post("/v1/entries", json=new_entry())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_open_yet")


@pytest.mark.parametrize(("now", "state"), [(-MILLISECOND, "handed_in"), (timedelta(0), "incomplete")])
async def test_entry_without_its_bytes_is_given_up_when_the_drain_is_over(
    stage: Stage, now: timedelta, state: str
) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    stage.clock.set(DEADLINE - MILLISECOND)
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    stage.clock.set(DEADLINE + DRAIN + now)
    await stage.sweep()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert after["state"] == state


async def test_background_task_gives_overdue_entries_up(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    stage.clock.set(DEADLINE + DRAIN)
    states = []
    sweeping = [asyncio.ensure_future(task()) for task in stage.service.tasks]
    async with asyncio.timeout(30):
        while "incomplete" not in states:
            await asyncio.sleep(0.02)
            states.append((await web.get(f"/v1/entries/{entry['entry']}")).json()["state"])
    await ended(*sweeping)
    assert set(states) <= {"handed_in", "incomplete"}


async def test_entry_waiting_for_our_verdict_is_never_given_up(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.settle()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    stage.clock.set(DEADLINE + timedelta(days=3))
    await stage.sweep()
    await stage.bus.tell(validated(upload))
    await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert after["state"] == "submitted"


async def test_news_of_bytes_in_time_that_comes_late_revives_a_given_up_entry(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    stage.clock.set(DEADLINE + DRAIN)
    await stage.sweep()
    in_time = uploaded(entry, DEADLINE + DRAIN - MILLISECOND, taken_at=DEADLINE - MILLISECOND)
    await stage.bus.tell(in_time)
    await stage.bus.tell(validated(in_time))
    await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert after["state"] == "submitted"
    assert len(stage.bus.told_of(EntrySubmitted)) == 1


@pytest.mark.parametrize(
    ("taken", "done"), [(timedelta(0), SECOND), (-MILLISECOND, DRAIN)], ids=["ticket late", "bytes late"]
)
async def test_bytes_that_came_too_late_complete_nothing(stage: Stage, taken: timedelta, done: timedelta) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    late = uploaded(entry, DEADLINE + done, taken_at=DEADLINE + taken)
    await stage.bus.tell(late)
    await stage.bus.tell(validated(late))
    await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert after["state"] == "handed_in"
    assert stage.bus.told_of(EntrySubmitted) == []


async def test_returned_entry_is_mended_and_submitted_again_after_the_deadline(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    path = f"/v1/entries/{entry['entry']}"
    first = uploaded(entry, stage.clock.now())
    for event in (first, validated(first)):
        await stage.bus.tell(event)
    await stage.bus.settle()
    await web.post(f"{path}/submit")
    returned_at, mend_by = DEADLINE + timedelta(days=1), DEADLINE + timedelta(days=5)
    await stage.bus.tell(entry_decision(entry, returned_at, reopened_slots=(SLOT,), mend_by=mend_by))
    await stage.bus.settle()
    returned = (await web.get(path)).json()
    stage.clock.set(mend_by - MILLISECOND)
    await web.patch(path, json={"summary": "已按要求修改。"})
    handed_in = await web.post(f"{path}/submit")
    mended = uploaded(entry, mend_by + timedelta(minutes=59), taken_at=mend_by - MILLISECOND)
    for event in (mended, validated(mended)):
        await stage.bus.tell(event)
    await stage.bus.settle()
    after = (await web.get(path)).json()
    assert (returned["state"], [each["code"] for each in returned["reasons"]]) == ("returned", ["picture-or-sound"])
    assert returned["deadline"] == "2023-08-20T16:00:00Z"
    assert (handed_in.status_code, handed_in.json()["outstanding"]) == (202, [{"slot": "video", "waits_for": "bytes"}])
    told = stage.bus.told_of(EntrySubmitted)
    assert [(each.attempt, each.materials[0].material) for each in told] == [(1, first.material), (2, mended.material)]
    assert told[1].received_at == mend_by - MILLISECOND
    assert (after["state"], after["attempt"]) == ("submitted", 2)


@pytest.mark.parametrize("late", [timedelta(0), MILLISECOND, SECOND])
async def test_returned_entry_is_refused_after_its_time_to_mend(stage: Stage, late: timedelta) -> None:
    mend_by = DEADLINE + timedelta(days=5)
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    upload = uploaded(entry, stage.clock.now())
    for event in (upload, validated(upload)):
        await stage.bus.tell(event)
    await stage.bus.settle()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    await stage.bus.tell(entry_decision(entry, DEADLINE, reopened_slots=(SLOT,), mend_by=mend_by))
    await stage.bus.settle()
    stage.clock.set(mend_by + late)
    before = await stage.documents()
    answer = await web.post(f"/v1/entries/{entry['entry']}/submit")
    assert (answer.status_code, answer.json()["code"]) == (409, "deadline_passed")
    assert await stage.documents() == before
