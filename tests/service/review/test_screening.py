"""A province decides on what was handed in."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.events.review import ProvinceApproved, ProvinceReturned, Reason
from contracts.rulebook import SHIPPED, load_all
from tests.service.review.conftest import World
from tests.service.review.events import AT, CAMPAIGN, finding, material, reason, registered, submitted, validated

REVISION = load_all(SHIPPED)[CAMPAIGN].revision  # type: ignore[index]
SCREENING_OVER = datetime(2023, 8, 31, 16, tzinfo=UTC)
REGISTRATION_OVER = datetime(2023, 8, 15, 16, tzinfo=UTC)
MS = timedelta(milliseconds=1)
BACK = {"reasons": [reason()], "reopened_slots": ["video"]}


def decided(world: World) -> list[ProvinceApproved | ProvinceReturned]:
    return [event for event in world.bus.told if isinstance(event, ProvinceApproved | ProvinceReturned)]


async def state(world: World, kind: str, which: str) -> str:
    plural = {"studio": "studios", "entry": "entries"}[kind]
    return str((await world.get("gansu", f"/v1/{plural}/{which}")).json()["state"])


async def test_approve_studio_tells_once(world: World) -> None:
    await world.hear(registered())
    answer = await world.post("gansu", "/v1/studios/studio-1/approve")
    await world.bus.settle()
    assert (answer.status_code, answer.json()["decision"]["state"]) == (200, "approved")
    assert [(event.about.kind, event.about.attempt, event.by) for event in decided(world)] == [
        ("studio", 1, "account-gansu")
    ]
    assert [event.about.revisions for event in decided(world) if event.about.kind == "studio"] == [(REVISION,)]
    assert await state(world, "studio", "studio-1") == "approved"


async def test_approve_entry_names_the_rulebook_in_force(world: World) -> None:
    await world.hear(submitted())
    await world.post("gansu", "/v1/entries/entry-1/approve")
    await world.bus.settle()
    (told,) = world.bus.told_of(ProvinceApproved)
    assert told.about.kind == "entry"
    assert (told.about.revision, told.subject, told.province) == (REVISION, "entry/entry-1", "620000")
    (record,) = await world.audited("entry/entry-1")
    assert (record["did"], record["who"], record["role"]) == ("approve", "account-gansu", "province")
    assert record["facts"]["revisions"] == [REVISION]


async def test_return_entry_tells_reasons_and_slots(world: World) -> None:
    await world.hear(submitted())
    mend_by = world.clock.now() + timedelta(days=3)
    answer = await world.post("gansu", "/v1/entries/entry-1/return", {**BACK, "mend_by": mend_by.isoformat()})
    await world.bus.settle()
    assert answer.status_code == 200
    (told,) = world.bus.told_of(ProvinceReturned)
    assert told.reasons == (Reason(**reason()),)
    assert (told.reopened_slots, told.mend_by) == (("video",), mend_by)
    assert (await world.audited("entry/entry-1"))[0]["why"] == "rule-broken slot:video: 请重新导出视频。"


async def test_return_without_mend_by_takes_the_latest_the_rulebook_allows(world: World) -> None:
    await world.hear(submitted())
    await world.post("gansu", "/v1/entries/entry-1/return", BACK)
    await world.bus.settle()
    assert world.bus.told_of(ProvinceReturned)[0].mend_by == world.clock.now() + timedelta(days=7)


async def test_mending_ends_with_the_screening_phase(world: World) -> None:
    await world.hear(submitted())
    world.clock.set(SCREENING_OVER - timedelta(hours=2))
    await world.post("gansu", "/v1/entries/entry-1/return", BACK)
    await world.bus.settle()
    assert world.bus.told_of(ProvinceReturned)[0].mend_by == SCREENING_OVER


async def test_return_refused_changes_nothing(world: World) -> None:
    refusals: list[tuple[dict[str, Any], int, str]] = [
        ({"reasons": []}, 422, "malformed"),
        ({"reasons": [reason(text=" ")]}, 422, "reason_without_text"),
        ({"reasons": [reason(code="bad-mood")]}, 422, "unknown_reason"),
        ({"reasons": [reason(about="slot:poem")]}, 422, "about_unknown"),
        ({"reasons": [reason(about="rule:video.colour")]}, 422, "about_unknown"),
        ({"reasons": [reason(about="file:nothing.zip", code="wrong-file")]}, 422, "about_unknown"),
        ({"reasons": [reason(about="field:title", code="wrong-file")]}, 422, "about_unknown"),
        ({"reopened_slots": ["poem"]}, 422, "unknown_slot"),
        ({"mend_by": "2023-07-01T04:00:00Z"}, 422, "mend_by_passed"),
        ({"mend_by": "2023-07-08T04:00:00.001Z"}, 422, "mend_by_too_late"),
        ({"reopen": ["video"]}, 422, "malformed"),
        ({"attempt": 2}, 409, "attempt_outdated"),
    ]
    await world.hear(submitted())
    for change, status, code in refusals:
        answer = await world.post("gansu", "/v1/entries/entry-1/return", {**BACK, **change})
        assert (change, answer.status_code, answer.json()["code"]) == (change, status, code)
    await world.bus.settle()
    assert (decided(world), await world.audited("entry/entry-1")) == ([], [])
    assert await state(world, "entry", "entry-1") == "waiting"


async def test_return_may_point_at_rules_files_and_fields(world: World) -> None:
    given = [
        reason("rule:video.resolution"),
        reason("rule:video.resolution", code="video.resolution"),
        reason("file:material-of-entry-1.zip", code="wrong-file"),
        reason("file:成片.mp4", code="picture-or-sound"),
        reason("whole", code="off-theme"),
        reason("field:theme", code="off-theme"),
    ]
    await world.hear(submitted(), validated(findings=(finding(level="advice"),), verdict="advice"))
    answer = await world.post("gansu", "/v1/entries/entry-1/return", {**BACK, "reasons": given})
    assert (answer.status_code, answer.json()["decision"]["reasons"]) == (200, given)


@pytest.mark.parametrize(
    ("given", "reopened"),
    [
        (reason(), ("video",)),
        (reason("rule:video.resolution"), ("video",)),
        (reason("file:成片.mp4", code="picture-or-sound"), ("video",)),
        (reason("file:material-of-entry-1.zip", code="wrong-file"), ("video",)),
        (reason("field:title", code="off-theme"), ()),
    ],
)
async def test_return_without_slots_reopens_those_its_reasons_point_at(
    world: World, given: dict[str, str], reopened: tuple[str, ...]
) -> None:
    await world.hear(submitted(), validated(findings=(finding(level="advice"),), verdict="advice"))
    await world.post("gansu", "/v1/entries/entry-1/return", {"reasons": [given]})
    await world.bus.settle()
    assert [told.reopened_slots for told in world.bus.told_of(ProvinceReturned)] == [reopened]


async def test_return_studio_points_into_the_form(world: World) -> None:
    places = [
        ("field:unit.name", "stamp-missing", 422),
        ("field:unit.colour", "field-wrong", 422),
        ("slot:video", "field-wrong", 422),
        ("field:unit.name", "field-wrong", 200),
        ("field:people", "field-wrong", 200),
        ("field:scan.stamped-form", "stamp-missing", 200),
        ("whole", "not-eligible", 200),
    ]
    for number, (about, code, status) in enumerate(places):
        await world.hear(registered(f"studio-{number}"))
        path = f"/v1/studios/studio-{number}/return"
        answer = await world.post("gansu", path, {"reasons": [reason(about, code)]})
        assert (about, answer.status_code) == (about, status)


async def test_approve_entry_with_failed_required_finding_refused(world: World) -> None:
    await world.hear(submitted(), validated(verdict="fail"))
    answer = await world.post("gansu", "/v1/entries/entry-1/approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "required_rule_broken")
    assert answer.json()["rules"] == ["video.resolution"]


async def test_approve_entry_refused_while_material_is_unchecked(world: World) -> None:
    await world.hear(submitted(materials=(material("material-of-entry-1", "unchecked"),)))
    refused = await world.post("gansu", "/v1/entries/entry-1/approve")
    await world.hear(validated())
    granted = await world.post("gansu", "/v1/entries/entry-1/approve")
    assert (refused.status_code, refused.json()["code"], granted.status_code) == (409, "still_being_checked", 200)


async def test_double_click_is_one_decision(world: World) -> None:
    await world.hear(submitted())
    first = await world.post("gansu", "/v1/entries/entry-1/approve")
    world.clock.advance(timedelta(seconds=1))
    second = await world.post("gansu", "/v1/entries/entry-1/approve", {"attempt": 1})
    await world.bus.settle()
    assert (first.json(), first.status_code) == (second.json(), second.status_code)
    assert (len(decided(world)), len(await world.audited("entry/entry-1"))) == (1, 1)


async def test_double_click_on_return_is_one_decision(world: World) -> None:
    await world.hear(submitted())
    first = await world.post("gansu", "/v1/entries/entry-1/return", BACK)
    world.clock.advance(timedelta(seconds=1))
    second = await world.post("gansu", "/v1/entries/entry-1/return", BACK)
    third = await world.post("gansu", "/v1/entries/entry-1/return", {"reasons": [reason()]})
    other = await world.post("gansu", "/v1/entries/entry-1/return", {"reasons": [reason(text="请重录声音。")]})
    await world.bus.settle()
    assert third.json() == first.json()
    assert (first.json(), len(decided(world))) == (second.json(), 1)
    assert (other.status_code, other.json()["code"]) == (409, "already_decided")


async def test_second_admin_is_told_it_was_decided(world: World) -> None:
    await world.hear(submitted())
    await world.post("gansu", "/v1/entries/entry-1/approve")
    other = await world.post("gansu2", "/v1/entries/entry-1/return", BACK)
    assert (other.status_code, other.json()["code"], other.json()["state"]) == (409, "already_decided", "approved")


@pytest.mark.parametrize("kind", ["studio", "entry"])
async def test_two_admins_at_once_exactly_one_wins(world: World, kind: str) -> None:
    await world.hear(registered(), submitted())
    path = {"studio": "/v1/studios/studio-1", "entry": "/v1/entries/entry-1"}[kind]
    given = reason("whole", {"studio": "not-eligible", "entry": "off-theme"}[kind])
    calls = [world.post("gansu", f"{path}/approve") for _ in range(4)]
    calls += [world.post("gansu2", f"{path}/return", {"reasons": [given]}) for _ in range(4)]
    answers = await asyncio.gather(*calls)
    await world.bus.settle()
    winners = {answer.json()["decision"]["by"] for answer in answers if answer.status_code == 200}
    assert {answer.status_code for answer in answers} == {200, 409}
    assert (len(winners), len(decided(world)), len(await world.audited(f"{kind}/{kind}-1"))) == (1, 1, 1)


async def test_foreign_province_gets_404_and_changes_nothing(world: World) -> None:
    await world.hear(registered(), submitted())
    answers = [
        await world.get("sichuan", "/v1/studios/studio-1"),
        await world.get("sichuan", "/v1/entries/entry-1"),
        await world.post("sichuan", "/v1/studios/studio-1/approve"),
        await world.post("sichuan", "/v1/entries/entry-1/approve"),
        await world.post("sichuan", "/v1/entries/entry-1/return", BACK),
    ]
    unknown = await world.get("sichuan", "/v1/entries/nothing")
    await world.bus.settle()
    assert [answer.status_code for answer in answers] == [404] * 5
    assert answers[1].json() == unknown.json()
    assert decided(world) == []


async def test_city_admin_sees_and_does_not_decide(world: World) -> None:
    await world.hear(submitted(), submitted("entry-2", city="620200"))
    seen = await world.get("lanzhou", "/v1/entries/entry-1")
    elsewhere = await world.get("lanzhou", "/v1/entries/entry-2")
    decision = await world.post("lanzhou", "/v1/entries/entry-1/approve")
    assert (seen.status_code, elsewhere.status_code, decision.status_code) == (200, 404, 403)


async def test_entries_are_screened_until_the_phase_closes(world: World) -> None:
    await world.hear(submitted(), submitted("entry-2", "studio-2"))
    for entry, at, status in (("entry-1", SCREENING_OVER - MS, 200), ("entry-2", SCREENING_OVER, 409)):
        world.clock.set(at)
        assert (await world.post("gansu", f"/v1/entries/{entry}/approve")).status_code == status


async def test_studios_are_certified_until_registration_closes(world: World) -> None:
    await world.hear(registered(), registered("studio-2"))
    for studio, at, status in (("studio-1", REGISTRATION_OVER - MS, 200), ("studio-2", REGISTRATION_OVER, 409)):
        world.clock.set(at)
        assert (await world.post("gansu", f"/v1/studios/{studio}/approve")).status_code == status


async def test_resubmission_waits_again_and_shows_the_earlier_reasons(world: World) -> None:
    await world.hear(submitted(), validated(verdict="fail"))
    await world.post("gansu", "/v1/entries/entry-1/return", BACK)
    again = submitted(attempt=2, materials=(material("material-2"),), received_at=AT + timedelta(days=1))
    await world.hear(again)
    (line,) = (await world.get("gansu", "/v1/queue", kind="entry", state="waiting")).json()["items"]
    assert (line["attempt"], line["verdict"]) == (2, "pass")
    assert [each["reasons"][0]["text"] for each in line["decisions"]] == ["请重新导出视频。"]
    outdated = await world.post("gansu", "/v1/entries/entry-1/approve", {"attempt": 1})
    answer = await world.post("gansu", "/v1/entries/entry-1/approve", {"attempt": 2})
    await world.bus.settle()
    assert (outdated.status_code, outdated.json()["code"], answer.status_code) == (409, "attempt_outdated", 200)
    assert [(event.about.attempt, type(event).__name__) for event in decided(world)] == [
        (1, "ProvinceReturned"),
        (2, "ProvinceApproved"),
    ]


async def test_bulk_approval_answers_one_by_one(world: World) -> None:
    await world.hear(submitted(), submitted("entry-2", "studio-2"), validated("entry-2", "fail"))
    await world.hear(submitted("entry-3", "studio-3", province="510000", city="510100"))
    wanted = {"entries": ["entry-1", "entry-2", "entry-3", "entry-1"]}
    answer = (await world.post("gansu", "/v1/entries/approve", wanted)).json()["entries"]
    await world.bus.settle()
    became = [line["decided"]["decision"]["state"] if line["decided"] else line["refused"]["code"] for line in answer]
    assert became == ["approved", "required_rule_broken", "entry_not_found", "approved"]
    assert len(decided(world)) == 1


async def test_entry_whose_every_byte_is_still_to_be_read_is_not_approved(world: World) -> None:
    await world.hear(submitted(), validated(stage="first"))
    answer = await world.post("gansu", "/v1/entries/entry-1/approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "still_being_checked")
    await world.hear(validated(stage="second", at=AT + timedelta(minutes=2)))
    assert (await world.post("gansu", "/v1/entries/entry-1/approve")).status_code == 200


@pytest.mark.parametrize("handed_in_first", [True, False])
async def test_entry_whose_material_is_taken_back_is_returned_by_the_check(world: World, handed_in_first: bool) -> None:
    mend_by = world.clock.now() + timedelta(days=30)
    back = validated(verdict="fail", stage="second", mend_by=mend_by)
    await world.hear(*([submitted(), back] if handed_in_first else [back, submitted()]))
    [told] = world.bus.told_of(ProvinceReturned)
    assert (told.by, told.reopened_slots, told.mend_by) == ("check", ("video",), mend_by)
    assert [(each.code, each.about) for each in told.reasons] == [("file-broken", "slot:video")]
    assert await state(world, "entry", "entry-1") == "returned"
    assert [row["did"] for row in await world.audited("entry/entry-1")] == ["return"]
