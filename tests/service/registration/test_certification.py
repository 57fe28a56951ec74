"""Certification: five pages, a region for good, a scan that was looked at, the province's decision."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from contracts.events.registration import StudioRegistered
from contracts.ids import Role
from services.registration.certification.rules import LARGEST_SCAN
from tests.service.registration.factories import (
    CHENGDU,
    DEADLINE,
    GANSU,
    LANZHOU,
    MILLISECOND,
    PAGES,
    PDF,
    PDF_SHA256,
    SECOND,
    studio_decision,
)
from tests.service.registration.stage import Stage

FORM = "/v1/studio/certification"
OPENING = datetime(2023, 6, 5, 16, tzinfo=UTC)
"""6 June 2023, 00:00 in Beijing: studios are registered from then until `DEADLINE`."""
CALLERS: tuple[tuple[Role, str | None], ...] = (("province", GANSU), ("province", "510000"), ("expert", None))


async def put_scan(web: httpx.AsyncClient, content: bytes = PDF, sha256: str = PDF_SHA256) -> httpx.Response:
    """Take a ticket, put the bytes into the store, save the page."""
    ticket = (await web.post(f"{FORM}/scan-ticket", json={"name": "申请表.PDF", "size": 27, "sha256": sha256})).json()
    async with httpx.AsyncClient(trust_env=False) as store:
        (await store.put(ticket["url"], content=content)).raise_for_status()
    return await web.put(f"{FORM}/scan", json={"stamped-form": ticket["key"]})


async def fill(web: httpx.AsyncClient) -> None:
    """Save all five pages."""
    for step, answers in PAGES.items():
        (await web.put(f"{FORM}/{step}", json=answers)).raise_for_status()
    (await put_scan(web)).raise_for_status()


async def test_form_saved_step_by_step_is_registered(stage: Stage) -> None:
    web = await stage.signed_in()
    await web.put(f"{FORM}/unit", json={"name": "黄河之声科普工作室"})
    partly = (await web.get("/v1/studio")).json()["steps"]
    await fill(web)
    submitted = await web.post(f"{FORM}/submit")
    await stage.bus.settle()
    (told,) = stage.bus.told_of(StudioRegistered)
    assert [(step["step"], step["saved"], step["complete"]) for step in partly] == [
        ("unit", True, False),
        *((step, False, False) for step in ("region", "people", "funding", "scan")),
    ]
    assert partly[0]["missing"] == ["kind", "unit-name", "address"]
    assert (submitted.status_code, submitted.json()["state"]) == (200, "submitted")
    assert (told.name, told.unit_kind, told.attempt) == ("黄河之声科普工作室", "school-studio", 1)
    assert (told.province, told.city, told.pii.email) == (GANSU, LANZHOU, "studio@example.org")


async def test_form_not_complete_is_not_submitted(stage: Stage) -> None:
    web = await stage.signed_in()
    for step in ("unit", "region", "people"):
        await web.put(f"{FORM}/{step}", json=PAGES[step])
    before = await stage.documents()
    answer = await web.post(f"{FORM}/submit")
    assert (answer.status_code, answer.json()["code"]) == (409, "form_incomplete")
    assert answer.json()["missing"] == ["funding.yearly", "funding.funds-from", "scan.stamped-form"]
    assert await stage.documents() == before


@pytest.mark.parametrize(
    ("step", "answers", "field"),
    [
        ("unit", {"kind": "casino"}, "kind"),
        ("unit", {"name": "  "}, "name"),
        ("unit", {"open-since": "2022-6-24"}, "open-since"),
        ("people", {"staff": 0}, "staff"),
        ("people", {"staff": "20"}, "staff"),
        ("people", {"tutors-from": ["外星人"]}, "tutors-from"),
        ("funding", {"yearly": 20, "lottery": 3}, "lottery"),
    ],
)
async def test_answer_that_cannot_stand_is_refused(
    stage: Stage, step: str, answers: dict[str, object], field: str
) -> None:
    web = await stage.signed_in()
    before = await stage.documents()
    answer = await web.put(f"{FORM}/{step}", json=answers)
    assert (answer.status_code, answer.json()["code"]) == (422, "answers_wrong")
    assert [each["field"] for each in answer.json()["fields"]] == [field]
    assert await stage.documents() == before


async def test_region_is_chosen_once_and_for_good(stage: Stage) -> None:
    web = await stage.signed_in()
    chosen = await web.put(f"{FORM}/region", json=PAGES["region"])
    again = await web.put(f"{FORM}/region", json=PAGES["region"])
    before = await stage.documents()
    changed = await web.put(f"{FORM}/region", json={"province": "510000", "city": CHENGDU})
    assert (chosen.status_code, again.status_code) == (200, 200)
    assert (changed.status_code, changed.json()["code"], changed.json()["city"]) == (409, "region_locked", LANZHOU)
    assert await stage.documents() == before


async def test_two_regions_chosen_at_once_leave_one(stage: Stage) -> None:
    web = await stage.signed_in()
    regions = [{"province": GANSU, "city": LANZHOU}, {"province": "510000", "city": CHENGDU}] * 3
    answers = await asyncio.gather(*(web.put(f"{FORM}/region", json=region) for region in regions))
    granted = {answer.json()["city"] for answer in answers if answer.status_code == 200}
    assert granted == {(await web.get("/v1/studio")).json()["city"]}


@pytest.mark.parametrize("city", [CHENGDU, GANSU, "629999", "兰州市"])
async def test_city_of_no_or_another_province_is_refused(stage: Stage, city: str) -> None:
    web = await stage.signed_in()
    answer = await web.put(f"{FORM}/region", json={"province": GANSU, "city": city})
    assert (answer.status_code, answer.json()["code"]) == (422, "region_unknown")


async def test_submitted_form_cannot_be_edited_or_submitted(stage: Stage) -> None:
    web = await stage.signed_in()
    await fill(web)
    await web.post(f"{FORM}/submit")
    await stage.bus.settle()
    before = await stage.documents()
    refused = [
        *[await web.put(f"{FORM}/{step}", json=answers) for step, answers in PAGES.items()],
        await web.put(f"{FORM}/scan", json={"stamped-form": "certification/x/y.pdf"}),
        await web.post(f"{FORM}/scan-ticket", json={"name": "a.pdf", "size": 27, "sha256": PDF_SHA256}),
        await web.post(f"{FORM}/submit"),
    ]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "already_submitted")] * 7
    assert await stage.documents() == before


async def test_returned_form_is_mended_and_certified_on_its_second_attempt(stage: Stage) -> None:
    web = await stage.signed_in()
    await fill(web)
    studio = (await web.post(f"{FORM}/submit")).json()["studio"]
    await stage.bus.tell(studio_decision(studio, stage.clock.now() + SECOND, mend_by=None))
    await stage.bus.settle()
    returned = (await web.get("/v1/studio")).json()
    moved = await web.put(f"{FORM}/region", json={"province": "510000", "city": CHENGDU})
    mended = await web.put(f"{FORM}/people", json={**PAGES["people"], "staff": 25})
    again = await web.post(f"{FORM}/submit")
    await stage.bus.tell(studio_decision(studio, stage.clock.now() + 2 * SECOND, attempt=1))
    await stage.bus.settle()
    late_news_of_the_first = (await web.get("/v1/studio")).json()["state"]
    await stage.bus.tell(studio_decision(studio, stage.clock.now() + 3 * SECOND, attempt=2))
    await stage.bus.settle()
    certified = (await web.get("/v1/studio")).json()
    assert (returned["state"], returned["reasons"][0]["code"]) == ("returned", "picture-or-sound")
    assert (moved.status_code, moved.json()["code"], mended.status_code) == (409, "region_locked", 200)
    assert (again.json()["attempt"], late_news_of_the_first) == (2, "submitted")
    assert [each.attempt for each in stage.bus.told_of(StudioRegistered)] == [1, 2]
    assert (certified["state"], certified["reasons"]) == ("certified", [])


async def test_second_certification_is_refused(stage: Stage) -> None:
    web = await stage.certified()
    before = await stage.documents()
    refused = [await web.post(f"{FORM}/submit"), await web.put(f"{FORM}/unit", json=PAGES["unit"])]
    assert [(each.status_code, each.json()["code"]) for each in refused] == [(409, "already_certified")] * 2
    assert await stage.documents() == before


async def test_returned_form_is_refused_once_its_time_to_mend_has_passed(stage: Stage) -> None:
    web = await stage.signed_in()
    await fill(web)
    studio = (await web.post(f"{FORM}/submit")).json()["studio"]
    mend_by = DEADLINE + timedelta(days=7)
    await stage.bus.tell(studio_decision(studio, stage.clock.now() + SECOND, mend_by=mend_by))
    await stage.bus.settle()
    stage.clock.set(mend_by)
    before = await stage.documents()
    late = await web.post(f"{FORM}/submit")
    unchanged = await stage.documents() == before
    stage.clock.set(mend_by - MILLISECOND)
    in_time = await web.post(f"{FORM}/submit")
    assert (late.status_code, late.json()["code"], unchanged) == (409, "mend_by_passed", True)
    assert in_time.status_code == 200


async def test_returned_form_can_be_sent_again_while_registration_is_open_although_its_own_time_has_passed(
    stage: Stage,
) -> None:
    web = await stage.signed_in()
    await fill(web)
    studio = (await web.post(f"{FORM}/submit")).json()["studio"]
    mend_by = stage.clock.now() + timedelta(days=7)
    await stage.bus.tell(studio_decision(studio, stage.clock.now() + SECOND, mend_by=mend_by))
    await stage.bus.settle()
    stage.clock.set(DEADLINE)
    late = await web.post(f"{FORM}/submit")
    stage.clock.set(DEADLINE - MILLISECOND)
    assert (late.status_code, late.json()["code"]) == (409, "mend_by_passed")
    assert (await web.post(f"{FORM}/submit")).status_code == 200


async def test_form_is_refused_outside_the_registration_phase(stage: Stage) -> None:
    web = await stage.signed_in()
    await fill(web)
    before, answers = await stage.documents(), []
    for at in (OPENING - MILLISECOND, DEADLINE):
        stage.clock.set(at)
        answers.append(await web.post(f"{FORM}/submit"))
    unchanged = await stage.documents() == before
    stage.clock.set(OPENING)
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "registration_closed")] * 2
    assert (unchanged, (await web.post(f"{FORM}/submit")).status_code) == (True, 200)


@pytest.mark.parametrize(
    ("content", "sha256", "code"),
    [
        (PDF + b"!", PDF_SHA256, "scan_differs"),
        (b"MZ no pdf", hashlib.sha256(b"MZ no pdf").hexdigest(), "scan_not_pdf"),
        (b"%PDF-" + bytes(LARGEST_SCAN), PDF_SHA256, "scan_too_large"),
    ],
    ids=["other bytes", "no pdf", "too large"],
)
async def test_scan_that_is_not_what_it_should_be_is_refused(
    stage: Stage, content: bytes, sha256: str, code: str
) -> None:
    web = await stage.signed_in()
    before = await stage.documents()
    answer = await put_scan(web, content, sha256)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await stage.documents() == before


async def test_scan_that_was_never_put_or_is_anothers_is_refused(stage: Stage) -> None:
    web, other = await stage.signed_in(), await stage.signed_in("other@example.org")
    theirs = (await put_scan(other)).json()["steps"][4]["answers"]["stamped-form"]
    ticket = await web.post(f"{FORM}/scan-ticket", json={"name": "a.pdf", "size": 27, "sha256": "0" * 64})
    before = await stage.documents()
    answers = [await web.put(f"{FORM}/scan", json={"stamped-form": key}) for key in (ticket.json()["key"], theirs)]
    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "scan_missing")] * 2
    assert await stage.documents() == before


@pytest.mark.parametrize("body", [{"name": "a.pdf", "size": LARGEST_SCAN + 1}, {"name": "a.docx", "size": 27}])
async def test_scan_ticket_for_what_cannot_be_a_scan_is_refused(stage: Stage, body: dict[str, object]) -> None:
    web = await stage.signed_in()
    answer = await web.post(f"{FORM}/scan-ticket", json={**body, "sha256": PDF_SHA256})
    assert (answer.status_code, answer.json()["code"]) == (422, "scan_unfit")


async def test_submitted_form_is_seen_by_its_own_province_alone(stage: Stage) -> None:
    web = await stage.signed_in()
    await fill(web)
    path = f"/v1/studios/{(await web.get('/v1/studio')).json()['studio']}/certification"
    gansu, sichuan, expert = [stage.bearer(stage.issuer.token(role, province=province)) for role, province in CALLERS]
    too_early = await gansu.get(path)
    await web.post(f"{FORM}/submit")
    seen, foreign, denied = [await caller.get(path) for caller in (gansu, sichuan, expert)]
    async with httpx.AsyncClient(trust_env=False) as store:
        scan = await store.get(seen.json()["scan_link"])
    assert (too_early.status_code, foreign.status_code, denied.status_code) == (404, 404, 403)
    assert (seen.json()["steps"][0]["answers"], scan.content) == (PAGES["unit"], PDF)


async def test_regions_are_listed_by_their_parent(stage: Stage) -> None:
    web = stage.anybody()
    provinces, cities, unknown = [
        await web.get("/v1/regions", params=params) for params in ({}, {"parent": GANSU}, {"parent": "999999"})
    ]
    assert {"code": GANSU, "name": "甘肃省"} in provinces.json()
    assert len(provinces.json()) == 34
    assert cities.json()[0] == {"code": LANZHOU, "name": "兰州市"}
    assert unknown.status_code == 404
