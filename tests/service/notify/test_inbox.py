"""The inbox: one's own notices, read marks, the page."""

import pytest

from chassis.testing import Issuer, client
from contracts.events.registration import EntrySubmitted
from tests.service.notify.world import House, address, opened, registered
from tests.support.factories import make

CAMPAIGN = "cloud-studio-2023"
"""Tells of entries by inbox only."""


async def test_notice_by_inbox_only_is_told_as_sent_without_a_mail(home: House) -> None:
    entry = make(EntrySubmitted, account="a", studio="studio-of-a", campaign=CAMPAIGN, title="会飞的桥")
    await home.hear(opened("a", address("a")), entry)
    told = [(event.template, event.model_dump().get("channel")) for event in home.outcomes()]
    assert told == [("entry-submitted", "inbox")]
    newest = (await home.inbox("a"))[0]
    assert (newest.subject, newest.state) == ("【科创筑梦】已收到申报：会飞的桥 · We have your entry", "sent")


async def test_inbox_is_paged_newest_first_and_counts_what_is_unread(home: House, issuer: Issuer) -> None:
    await home.hear(opened("a", address("a")), *(registered("a", attempt=n) for n in range(1, 5)))
    async with client(home.service, issuer.token("studio", account="a")) as mine:
        first = (await mine.get("/v1/notices", params={"limit": 2})).json()
        ids = [notice["notice"] for notice in first["notices"]]
        rest = (await mine.get("/v1/notices", params={"after": ids[-1]})).json()
        ids += [notice["notice"] for notice in rest["notices"]]
        assert (first["unread"], len(ids), ids) == (5, 5, sorted(ids, reverse=True))
        read = (await mine.post(f"/v1/notices/{ids[0]}/read")).json()
        assert read["read_at"] == home.clock.now().isoformat().replace("+00:00", "Z")
        unread = (await mine.get("/v1/notices", params={"unread": True})).json()
    assert (unread["unread"], [notice["notice"] for notice in unread["notices"]]) == (4, ids[1:])


async def test_notice_read_again_keeps_when_it_was_first_read(home: House, issuer: Issuer) -> None:
    await home.hear(opened("a", address("a")))
    (notice,) = await home.inbox("a")
    async with client(home.service, issuer.token("studio", account="a")) as mine:
        first = (await mine.post(f"/v1/notices/{notice.id}/read")).json()
        home.clock.set(home.clock.now().replace(year=2024))
        assert (await mine.post(f"/v1/notices/{notice.id}/read")).json() == first


async def test_notice_of_somebody_else_is_not_there_and_stays_unread(home: House, issuer: Issuer) -> None:
    await home.hear(opened("a", address("a")))
    (notice,) = await home.inbox("a")
    async with client(home.service, issuer.token("national", account="b")) as other:
        denied = await other.post(f"/v1/notices/{notice.id}/read")
        missing = await other.post("/v1/notices/no-such-notice/read")
        assert (await other.get("/v1/notices")).json() == {"unread": 0, "notices": []}
    assert [answer.status_code for answer in (denied, missing)] == [404, 404]
    assert denied.json() == missing.json()
    assert (await home.inbox("a"))[0].read_at is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/notices"), ("POST", "/v1/notices/x/read")])
async def test_notices_without_a_token_are_denied(home: House, method: str, path: str) -> None:
    async with client(home.service) as nobody:
        assert (await nobody.request(method, path)).status_code == 401


async def test_page_is_served_to_anybody_and_holds_no_notice(home: House) -> None:
    await home.hear(opened("a", address("a")))
    (notice,) = await home.inbox("a")
    async with client(home.service) as nobody:
        page = await nobody.get("/v1/inbox")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert notice.subject not in page.text
