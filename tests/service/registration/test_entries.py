"""Entries: opened by the rulebook, handed in by the server's clock, completed as their material arrives."""

import asyncio
from datetime import timedelta

import pytest

from chassis.ending import ended
from contracts.events.registration import EntryOpened, EntrySubmitted
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


async def test_entry_opened_tells_what_media_needs(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await stage.bus.settle()
    told = stage.bus.told_of(EntryOpened)
    assert [(each.entry, each.theme, each.province, each.city) for each in told] == [
        (entry["entry"], "spaceflight", "620000", "620100")
    ]
    assert told[0].studio_name == "黄河之声科普工作室"
    assert entry["state"] == "draft"
    assert entry["outstanding"] == [{"slot": "video", "waits_for": "bytes"}]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"theme": "cooking"}, "rule_broken"),
        ({"theme": None}, "rule_broken"),
        ({"track": "unknown"}, "rule_broken"),
        ({"track": "case"}, "rule_broken"),
        ({"campaign": "unknown"}, "not_found"),
    ],
)
async def test_entry_against_the_rulebook_is_refused(stage: Stage, changes: dict[str, str], code: str) -> None:
    web = await stage.certified()
    before = await stage.documents()
    answer = await web.post("/v1/entries", json=new_entry(**changes))
    assert answer.json()["code"] == code
    assert await stage.documents() == before


async def test_second_entry_of_a_theme_is_refused(stage: Stage) -> None:
    web = await stage.certified()
    answers = await asyncio.gather(*(web.post("/v1/entries", json=new_entry()) for _ in range(4)))
    other = await web.post("/v1/entries", json=new_entry(theme="beautiful-countryside"))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    assert (refused["code"], refused["rule"]) == ("rule_broken", "theme-video.entries.per_theme")
    assert other.status_code == 201


async def test_entry_of_a_studio_not_certified_is_refused(stage: Stage) -> None:
    web = await stage.signed_in()
    before = await stage.documents()
    answer = await web.post("/v1/entries", json=new_entry())
    assert (answer.status_code, answer.json()["code"]) == (409, "not_certified")
    assert await stage.documents() == before


async def test_checked_entry_is_submitted_at_once(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.tell(validated(upload, "advice"))
    await stage.bus.settle()
    answer = await web.post(f"/v1/entries/{entry['entry']}/submit")
    await stage.bus.settle()
    assert (answer.status_code, answer.json()["state"]) == (200, "submitted")
    (told,) = stage.bus.told_of(EntrySubmitted)
    assert (told.attempt, told.received_at) == (1, stage.clock.now())
    assert [(each.slot, each.material, each.verdict) for each in told.materials] == [(SLOT, upload.material, "advice")]


@pytest.mark.parametrize("order", ["upload first", "verdict first"])
async def test_entry_handed_in_early_is_submitted_when_its_verdict_arrives(stage: Stage, order: str) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    handed_in = await web.post(f"/v1/entries/{entry['entry']}/submit")
    received = stage.clock.now()
    stage.clock.advance(timedelta(minutes=5))
    upload = uploaded(entry, stage.clock.now(), taken_at=received)
    events = [upload, validated(upload)]
    for event in events if order == "upload first" else reversed(events):
        assert not stage.bus.told_of(EntrySubmitted)
        await stage.bus.tell(event)
        await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert (handed_in.status_code, handed_in.json()["state"]) == (202, "handed_in")
    assert handed_in.json()["outstanding"] == [{"slot": "video", "waits_for": "bytes"}]
    assert [each.received_at for each in stage.bus.told_of(EntrySubmitted)] == [received]
    assert (after["state"], after["attempt"], after["outstanding"]) == ("submitted", 1, [])


async def test_entry_waiting_for_its_verdict_says_so(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await stage.bus.tell(uploaded(entry, stage.clock.now()))
    await stage.bus.settle()
    first, again = [await web.post(f"/v1/entries/{entry['entry']}/submit") for _ in range(2)]
    assert (first.status_code, first.json()["outstanding"]) == (202, [{"slot": "video", "waits_for": "verdict"}])
    assert (again.status_code, again.json()) == (202, first.json())


async def test_failed_material_brings_a_handed_in_entry_back_with_findings(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.tell(validated(upload, "fail"))
    await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    again = await web.post(f"/v1/entries/{entry['entry']}/submit")
    assert (after["state"], after["received_at"]) == ("draft", None)
    assert [finding["rule"] for finding in after["materials"][0]["findings"]] == ["video.aspect"]
    assert (again.status_code, again.json()["code"]) == (409, "material_failed")
    assert again.json()["findings"][0]["mend"]["zh"] == "请按 16:9 重新导出。"
    assert stage.bus.told_of(EntrySubmitted) == []


async def test_newer_upload_supersedes_a_failed_one(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    failed = uploaded(entry, stage.clock.now(), material="z")
    mended = uploaded(entry, stage.clock.now() + SECOND, material="a")
    for event in (mended, validated(mended), failed, validated(failed, "fail")):
        await stage.bus.tell(event)
    await stage.bus.settle()
    answer = await web.post(f"/v1/entries/{entry['entry']}/submit")
    await stage.bus.settle()
    assert answer.status_code == 200
    assert [each.material for each in stage.bus.told_of(EntrySubmitted)[0].materials] == [mended.material]


async def test_material_named_at_submission_is_waited_for_although_an_earlier_one_failed(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    failed, mended = uploaded(entry, stage.clock.now()), uploaded(entry, stage.clock.now() + SECOND)
    for event in (failed, validated(failed, "fail")):
        await stage.bus.tell(event)
    await stage.bus.settle()
    answer = await web.post(f"/v1/entries/{entry['entry']}/submit", json={"materials": {"video": mended.material}})
    for event in (mended, validated(mended)):
        await stage.bus.tell(event)
    await stage.bus.settle()
    assert (answer.status_code, answer.json()["outstanding"]) == (202, [{"slot": "video", "waits_for": "bytes"}])
    assert [each.materials[0].material for each in stage.bus.told_of(EntrySubmitted)] == [mended.material]


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


async def test_draft_is_edited_and_a_submitted_entry_is_not(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    path = f"/v1/entries/{entry['entry']}"
    edited = (await web.patch(path, json={"title": "桥为什么不怕风"})).json()
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.tell(validated(upload))
    await stage.bus.settle()
    await web.post(f"{path}/submit")
    await stage.bus.settle()
    before = await stage.documents()
    refused = [await web.patch(path, json={"title": "别的"}), await web.post(f"{path}/submit")]
    assert (edited["title"], edited["summary"]) == ("桥为什么不怕风", "")
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "already_submitted")] * 2
    assert await stage.documents() == before
    assert stage.bus.told_of(EntrySubmitted)[0].title == "桥为什么不怕风"


async def test_foreign_entry_does_not_exist(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()["entry"]
    other = await stage.certified("other@example.org")
    before = await stage.documents()
    answers = [
        await other.get(f"/v1/entries/{entry}"),
        await other.patch(f"/v1/entries/{entry}", json={"title": "别的"}),
        await other.post(f"/v1/entries/{entry}/submit"),
        await other.get("/v1/entries/no-such-entry"),
    ]
    listed = (await other.get("/v1/entries")).json()
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(404, "not_found")] * 4
    assert listed == []
    assert await stage.documents() == before


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


async def test_decisions_out_of_order_end_in_the_latest(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    upload = uploaded(entry, stage.clock.now())
    for event in (upload, validated(upload)):
        await stage.bus.tell(event)
    await stage.bus.settle()
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    now = stage.clock.now()
    await stage.bus.tell(entry_decision(entry, now + 2 * SECOND))
    await stage.bus.tell(entry_decision(entry, now + SECOND, reopened_slots=(SLOT,)))
    await stage.bus.tell(entry_decision(entry, now + 3 * SECOND, attempt=7, reopened_slots=(SLOT,)))
    await stage.bus.settle()
    after = (await web.get(f"/v1/entries/{entry['entry']}")).json()
    assert (after["state"], after["reasons"]) == ("approved", [])


async def test_every_change_of_an_entry_leaves_who_did_what(stage: Stage) -> None:
    web = await stage.certified()
    entry = (await web.post("/v1/entries", json=new_entry())).json()
    await web.patch(f"/v1/entries/{entry['entry']}", json={"title": "桥为什么不怕风"})
    await web.post(f"/v1/entries/{entry['entry']}/submit")
    upload = uploaded(entry, stage.clock.now())
    await stage.bus.tell(upload)
    await stage.bus.settle()
    await stage.bus.tell(validated(upload), event_id="the-verdict")
    await stage.bus.tell(entry_decision(entry, stage.clock.now()), event_id="the-approval")
    await stage.bus.settle()
    audit = await stage.service.records.audit.find({"subject": f"entry/{entry['entry']}"}).sort("n").to_list()
    account = (await stage.service.database["accounts"].find_one({"role": "studio"}) or {})["_id"]
    assert [(record["did"], record["who"]) for record in audit] == [
        ("open", account),
        ("edit", account),
        ("hand in", account),
        ("become submitted", "the-verdict"),
        ("become approved", "the-approval"),
    ]


async def test_news_of_an_unknown_entry_is_parked(stage: Stage) -> None:
    unknown = {"entry": "no-such-entry", "campaign": "cloud-studio-2023", "revision": "0" * 64, "track": "theme-video"}
    await stage.bus.tell(uploaded(unknown, stage.clock.now()))
    await stage.bus.settle()
    parked = await stage.service.records.parked.find().to_list()
    assert [row["topic"] for row in parked] == ["media.material_uploaded.v1"]
