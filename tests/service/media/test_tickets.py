"""Tickets: who gets one, on which terms, and what a receipt proves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from contracts.events.registration import EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceReturned, Reason
from contracts.rulebook import SHIPPED, load
from deploy.commands.receipt import verified
from services.media.app import build_api
from services.media.intake.rules import MOST_LIVE
from tests.service.media.conftest import MIB, Media, digest, package
from tests.support.factories import make

CLOSES = datetime(2023, 8, 15, 16, tzinfo=UTC)
DRAIN = CLOSES + timedelta(hours=1)
MS, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_ticket_taken_names_every_part_and_its_terms(media: Media) -> None:
    entry = await media.opened()
    ticket = await media.take(entry.entry, b"", size=20 * MIB, sha256="0" * 64)
    assert [(part["number"], part["size"]) for part in ticket["parts"]] == [(1, 8 * MIB), (2, 8 * MIB), (3, 4 * MIB)]
    assert (ticket["taken_at"], ticket["deadline"], ticket["drain_until"], ticket["state"]) == (
        "2023-07-01T04:00:00Z", "2023-08-15T16:00:00Z", "2023-08-15T17:00:00Z", "open",
    )  # fmt: skip
    assert await media.audited(f"ticket/{ticket['ticket']}") == ["take"]


async def test_receipt_is_verified_by_anyone_with_the_published_key(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    published = (await media.as_("nobody").get("/v1/tickets/keys", headers={"authorization": ""})).json()
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(ticket["receipt"])["kid"]]
    said = jwt.decode(ticket["receipt"], key, algorithms=["EdDSA"])
    assert {name: said[name] for name in ("ticket", "entry", "name", "size", "sha256", "taken_at", "drain_until")} == {
        "ticket": ticket["ticket"],
        "entry": entry.entry,
        "name": "活动视频.zip",
        "size": len(data),
        "sha256": digest(data),
        "taken_at": ticket["taken_at"],
        "drain_until": ticket["drain_until"],
    }
    assert said["revision"] == load(SHIPPED / "cloud-studio-2023.yaml").revision


async def test_command_verifies_a_receipt_and_refuses_another(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, package())
    published = (await media.as_("nobody").get("/v1/tickets/keys")).json()
    assert verified(ticket["receipt"], published)["ticket"] == ticket["ticket"]
    header, payload, signature = ticket["receipt"].split(".")
    for forged in (f"{header}.{payload[:-2]}.{signature}", media.issuer.token("studio"), "no receipt"):
        with pytest.raises(jwt.PyJWTError):
            verified(forged, published)


async def test_receipt_altered_in_one_character_is_not_verified(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, package())
    header, payload, signature = ticket["receipt"].split(".")
    forged = ".".join((header, payload[:-4] + ("A" if payload[-4] != "A" else "B") + payload[-3:], signature))
    key = jwt.PyJWKSet.from_dict((await media.studio.get("/v1/tickets/keys")).json()).keys[0]
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(forged, key, algorithms=["EdDSA"])


async def test_receipt_as_a_bearer_token_does_not_sign_in(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, package())
    answer = await media.studio.get("/v1/materials/x", headers={"authorization": f"Bearer {ticket['receipt']}"})
    assert answer.status_code == 401


async def test_api_without_a_signing_key_does_not_start(media: Media) -> None:
    with pytest.raises(ValueError, match="ZM_SIGNING_KEY_FILE"):
        build_api(media.settings.model_copy(update={"signing_key_file": None}))


async def test_entry_not_heard_of_yet_is_asked_for_again_later(media: Media) -> None:
    answer = await media.ask("0198-not-yet", package())
    assert (*problem(answer), answer.headers["retry-after"]) == (409, "entry_not_known_yet", "2")


async def test_entry_of_another_studio_is_answered_as_one_never_heard_of(media: Media) -> None:
    entry = await media.opened(studio="s-2")
    foreign, unknown = await media.ask(entry.entry, package()), await media.ask(f"{entry.entry}-not", package())
    assert problem(foreign) == (409, "entry_not_known_yet")
    assert (foreign.json(), foreign.headers["retry-after"]) == (unknown.json(), unknown.headers["retry-after"])
    assert await media.api.database.tickets.count_documents({}) == 0


async def test_slot_with_many_live_tickets_gets_no_other_until_one_is_given_up(media: Media) -> None:
    entry, data = await media.opened(), package()
    tickets = [(await media.take(entry.entry, data))["ticket"] for _ in range(MOST_LIVE)]
    refused = await media.ask(entry.entry, data)
    assert (*problem(refused), refused.json()["tickets"]) == (409, "too_many_tickets", tickets)
    assert (refused.json()["measured"], refused.json()["expected"]) == (MOST_LIVE, f"< {MOST_LIVE}")
    assert (await media.ask((await media.opened()).entry, data)).status_code == 201
    await media.studio.delete(f"/v1/tickets/{tickets[0]}")
    assert (await media.ask(entry.entry, data)).status_code == 201


async def test_ticket_asked_for_by_another_role_is_denied(media: Media) -> None:
    entry = await media.opened()
    wanted = {"entry": entry.entry, "slot": "video", "name": "a.zip", "size": 1, "sha256": "0" * 64}
    roles = ("city", "province", "national", "expert", "frontend", "ops", "analytics")
    answers = [await media.as_(role, province="620000").post("/v1/tickets", json=wanted) for role in roles]
    assert [problem(answer) for answer in answers] == [(403, "role_not_allowed")] * len(roles)


async def test_studio_account_without_a_studio_reaches_no_ticket(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, package())
    stray, path = media.as_("studio", account="a-9"), f"/v1/tickets/{ticket['ticket']}"
    answers = [await stray.get(path), await stray.post(f"{path}/complete"), await stray.delete(path)]
    assert [problem(answer) for answer in answers] == [(404, "ticket_not_found")] * 3


async def test_ticket_of_another_studio_is_not_found_and_stays(media: Media) -> None:
    ticket = await media.take((await media.opened()).entry, package())
    other, path = media.as_("studio", account="a-2", studio="s-2"), f"/v1/tickets/{ticket['ticket']}"
    answers = [await other.get(path), await other.post(f"{path}/complete"), await other.delete(path)]
    assert [problem(answer) for answer in answers] == [(404, "ticket_not_found")] * 3
    assert await media.state(ticket) == "open"


async def test_ticket_for_what_the_slot_does_not_take_is_refused(media: Media) -> None:
    entry = await media.opened()
    asked: list[tuple[dict[str, Any], int, str]] = [
        ({"size": 300 * MIB}, 413, "too_large"),
        ({"slot": "case"}, 422, "slot_unknown"),
        ({"size": 0}, 422, "malformed"),
        ({"sha256": "ABC"}, 422, "malformed"),
        ({"name": "../../etc/passwd"}, 422, "malformed"),
    ]
    answers = [await media.ask(entry.entry, package(), **changes) for changes, _, _ in asked]
    assert [problem(answer) for answer in answers] == [(status, code) for _, status, code in asked]
    assert await media.api.database.tickets.count_documents({}) == 0


async def test_ticket_around_the_deadline_counts_by_the_servers_clock(media: Media) -> None:
    entry = await media.opened()
    answers = {}
    for offset in (-SECOND, -MS, 0 * MS, MS, SECOND):
        media.clock.set(CLOSES + offset)
        answer = await media.ask(entry.entry, package())
        answers[offset] = answer.json().get("code", answer.status_code)
    late = "deadline_passed"
    assert answers == {-SECOND: 201, -MS: 201, 0 * MS: late, MS: late, SECOND: late}


async def test_ticket_taken_before_the_deadline_is_good_until_the_drain_time(media: Media) -> None:
    answers = {}
    for offset in (-SECOND, -MS, 0 * MS, MS, SECOND):
        media.clock.set(CLOSES - MS)
        entry, data = await media.opened(), package()
        ticket = await media.take(entry.entry, data)
        media.clock.set(DRAIN + offset)
        await media.send(ticket, data)
        answer = await media.complete(ticket)
        answers[offset] = answer.json().get("code", answer.status_code)
    late = "ticket_expired"
    assert answers == {-SECOND: 200, -MS: 200, 0 * MS: late, MS: late, SECOND: late}
    assert await media.api.database.materials.count_documents({}) == 2


async def test_entry_submitted_takes_no_ticket_until_it_is_returned(media: Media) -> None:
    entry, data = await media.opened(), package()
    own = {"entry": entry.entry, "studio": "s-1", "account": "a-1"}
    await media.hear(make(EntrySubmitted, **own, attempt=1))
    assert problem(await media.ask(entry.entry, data)) == (409, "entry_submitted")
    media.clock.set(CLOSES + timedelta(days=1))
    await media.hear(returned(entry.entry, CLOSES + timedelta(days=3)))
    assert (await media.take(entry.entry, data))["deadline"] == "2023-08-18T16:00:00Z"
    media.clock.set(CLOSES + timedelta(days=3))
    assert problem(await media.ask(entry.entry, data)) == (409, "deadline_passed")


async def test_ticket_open_when_its_entry_is_submitted_cannot_change_it_any_more(media: Media) -> None:
    entry, data = await media.opened(), package()
    ticket = await media.take(entry.entry, data)
    await media.send(ticket, data)
    await media.hear(make(EntrySubmitted, entry=entry.entry, studio="s-1", account="a-1", attempt=1))
    assert problem(await media.complete(ticket)) == (409, "entry_submitted")
    assert await media.api.database.materials.count_documents({}) == 0


async def test_return_heard_before_the_opening_is_not_lost(media: Media) -> None:
    await media.hear(returned("e-late", CLOSES))
    await media.opened(entry="e-late")
    assert (await media.ask("e-late", package())).status_code == 201


def returned(entry: str, mend_by: datetime) -> ProvinceReturned:
    opened = make(EntrySubmitted)
    about = EntrySubject.model_validate(
        {**opened.model_dump(), "entry": entry, "studio": "s-1", "account": "a-1", "attempt": 1}
    )
    reasons = (Reason(code="rule-broken", about="slot:video", text="视频超过 5 分钟。"),)
    return make(ProvinceReturned, about=about, reasons=reasons, reopened_slots=("video",), mend_by=mend_by)
