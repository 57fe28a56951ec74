"""Entries: opened by the rulebook, handed in by the server's clock, completed as their material arrives."""

import asyncio
from datetime import timedelta

import pytest

from contracts.events.registration import EntryOpened, EntrySubmitted
from tests.service.registration.factories import (
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
