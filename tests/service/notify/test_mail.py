"""P15: a try for each event and recipient, one mail for each key, whatever comes twice, late or not at all."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from aiosmtpd.controller import Controller

from chassis.testing import MemoryBus, SetClock
from contracts.events.media import MediaValidated
from contracts.events.notify import NoticeFailed, NoticeSent
from contracts.events.review import AwardGranted
from services.notify import rules
from services.notify.settings import Settings
from tests.service.notify.world import GANSU, Dies, House, address, house, message_ids, opened, registered
from tests.support.factories import make
from tests.support.kinds import MailSink


class Strict:
    """A mail server's opinion of some recipients."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if to.startswith("gone"):
            return "550 5.1.1 mailbox unknown"
        if to.startswith("busy"):
            return f"451 4.7.1 greylisted, try <{to}> again"
        if to.startswith("moved"):
            return f"550 5.1.1 <{to.upper()}>: gone to new@example.org, http://127.0.0.1/?who={to.replace('@', '%40')}"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        return "250 OK"


@pytest.fixture
def strict() -> Iterator[str]:
    """The address of a real mail server that refuses `gone…` for good and `busy…` for now."""
    controller = Controller(Strict(), hostname="127.0.0.1", port=free_port())
    controller.start()
    yield f"smtp://127.0.0.1:{controller.port}"
    controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def test_notice_is_mailed_once_under_its_own_id_and_told_once(home: House, smtp: MailSink) -> None:
    email = address("studio")
    await home.hear(opened("a", email))
    await home.send_all()
    (notice,) = await home.inbox("a")
    (mail,) = smtp.wait_for(1, email)
    assert mail["Message-ID"] == f"<{notice.id}@zhumeng.example.org>"
    (sent,) = home.outcomes()
    assert sent.model_dump(exclude={"at"}) == {
        "notice": notice.id, "account": "a", "template": "account-opened", "channel": "mail", "because": notice.because,
    }  # fmt: skip
    await home.send_all()
    assert len(smtp.messages(email)) == 1


async def test_mail_when_read_carries_chinese_subject_and_body(home: House, smtp: MailSink) -> None:
    email = address("studio")
    await home.hear(opened("a", email))
    await home.send_all()
    (mail,) = smtp.wait_for(1, email)
    (notice,) = await home.inbox("a")
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().replace("\r\n", "\n").strip() == notice.body.strip()
    assert (mail["To"], mail["Auto-Submitted"]) == (email, "auto-generated")


async def test_event_before_its_account_waits_and_reaches_it_once_opened(home: House, smtp: MailSink) -> None:
    email = address("studio")
    await home.hear(registered("a"), make(MediaValidated, studio="studio-of-a", verdict="fail", campaign="unknown"))
    await home.send_all()
    assert (await home.inbox("a"), home.outcomes()) == ([], [])
    await home.hear(opened("a", email))
    await home.send_all()
    templates = sorted(notice.template for notice in await home.inbox("a"))
    assert templates == ["account-opened", "certification-submitted", "material-checked"]
    assert len(set(message_ids(smtp.wait_for(3, email)))) == 3


async def test_award_reaches_the_province_of_a_studio_it_does_not_name(home: House) -> None:
    award = make(AwardGranted, studio="studio-of-a", campaign="unknown")
    await home.hear(opened("p", address("p"), "province", province=GANSU), award)
    assert [notice.template for notice in await home.inbox("p")] == ["account-opened"]
    await home.hear(registered("a", province=GANSU))
    templates = {notice.template for notice in await home.inbox("p")}
    assert templates == {"account-opened", "award-granted-admin", "certification-submitted-admin"}


async def test_admin_of_another_province_is_told_nothing(home: House) -> None:
    await home.hear(opened("p", address("p"), "province", province="510000"), registered("a", province=GANSU))
    assert [notice.template for notice in await home.inbox("p")] == ["account-opened"]


async def test_refused_recipient_is_told_as_failed_and_can_still_read_the_notice(
    home: House, settings: Settings, strict: str
) -> None:
    there = house(home.service, home.bus, home.clock, settings.model_copy(update={"smtp_url": strict}))
    await there.hear(opened("a", "gone@example.org"), opened("b", "here@example.org"))
    await there.send_all()
    told = {str(event.account): event for event in there.outcomes()}
    assert isinstance(told["b"], NoticeSent)
    assert isinstance(told["a"], NoticeFailed)
    assert told["a"].reason == "550 5.1.1 mailbox unknown"
    assert [(notice.state, notice.template) for notice in await there.inbox("a")] == [("failed", "account-opened")]
    there.clock.advance(timedelta(days=1))
    await there.send_all()
    assert len(there.outcomes()) == 2


async def test_reason_that_names_addresses_is_kept_told_and_logged_without_them(
    home: House, settings: Settings, strict: str
) -> None:
    there = house(home.service, home.bus, home.clock, settings.model_copy(update={"smtp_url": strict}))
    await there.hear(opened("a", "moved@example.org"), opened("b", "busy@example.org"), opened("c", "odd@ex ample.org"))
    with structlog.testing.capture_logs() as lines:
        await there.send_all()
    told = {str(event.account): event.reason for event in there.outcomes() if isinstance(event, NoticeFailed)}
    assert told["a"] == "550 5.1.1 <‹address›>: gone to ‹address›, http://127.0.0.1/?who=‹address›"
    assert sorted(told) == ["a", "c"]
    assert sorted(line["event"] for line in lines) == ["mail_not_taken", "mail_refused", "mail_refused"]
    kept = await home.service.database["notices"].find({}, {"pii": 0}).to_list()
    assert len(kept) == 3
    said = f"{lines} {there.outcomes()} {kept}"
    assert [part for part in ("@", "%40", "moved", "busy@", "odd") if part in said.lower()] == []


async def test_address_no_mail_can_be_written_to_is_told_as_failed(home: House) -> None:
    await home.hear(opened("a", "not an address"), opened("b", "x@example.org\r\nBcc: y@example.org"))
    await home.send_all()
    assert [type(event) for event in home.outcomes()] == [NoticeFailed, NoticeFailed]


async def test_recipient_refused_for_now_is_tried_again_with_growing_delay(
    home: House, settings: Settings, strict: str
) -> None:
    there = house(home.service, home.bus, home.clock, settings.model_copy(update={"smtp_url": strict}))
    await there.hear(opened("a", "busy@example.org"))
    tries = []
    for _ in range(60):
        await there.send_all()
        tries.append((await there.inbox("a"))[0].tries)
        there.clock.advance(timedelta(seconds=1))
    assert [tries.count(n) for n in range(1, 5)] == [5, 10, 20, 25]
    assert there.outcomes() == []


async def test_mail_server_that_is_down_costs_time_and_no_notice(
    home: House, settings: Settings, smtp: MailSink
) -> None:
    email = address("studio")
    down = f"smtp://127.0.0.1:{free_port()}"
    there = house(home.service, home.bus, home.clock, settings.model_copy(update={"smtp_url": down}))
    await there.hear(opened("a", email), opened("p", address("p"), "province", province=GANSU), registered("a"))
    for _ in range(20):
        await there.send_all()
        there.clock.advance(timedelta(minutes=15))
    assert there.outcomes() == []
    await home.send_all()
    assert sorted(event.template for event in home.outcomes()) == [
        "account-opened", "account-opened", "certification-submitted", "certification-submitted-admin",
    ]  # fmt: skip
    assert len(smtp.wait_for(2, email)) == 2


async def test_death_after_the_mail_server_said_yes_repeats_the_mail_under_one_id(
    home: House, settings: Settings, smtp: MailSink
) -> None:
    email = address("studio")
    await home.hear(opened("a", email))
    dying = house(home.service, home.bus, home.clock, settings, Dies)
    with pytest.raises(asyncio.CancelledError):
        await dying.post.send_one()
    await home.send_all()
    assert home.outcomes() == []
    home.clock.advance(rules.LEASE)
    await home.send_all()
    assert len(home.outcomes()) == 1
    mails = smtp.wait_for(2, email)
    assert (len(mails), len(set(message_ids(mails)))) == (2, 1)


async def test_many_posts_at_once_send_each_mail_once(home: House, settings: Settings, smtp: MailSink) -> None:
    emails = {f"s{n}": address(f"s{n}") for n in range(12)}
    await home.hear(*(opened(account, email) for account, email in emails.items()))
    other = house(home.service, home.bus, home.clock, settings)
    await asyncio.gather(*((home, other)[n % 2].post.send_one() for n in range(20)))
    await home.bus.settle()
    assert sorted(event.account for event in home.outcomes()) == sorted(emails)
    assert [len(smtp.wait_for(1, email)) for email in emails.values()] == [1] * 12


async def test_mail_taken_over_by_another_post_is_told_once(home: House, settings: Settings) -> None:
    await home.hear(opened("a", address("a")))
    claimed = await home.store.claim(home.clock.now(), home.clock.now() + rules.LEASE)
    assert claimed is not None
    home.clock.advance(rules.LEASE)
    await home.send_all()
    assert not await settle(home, *claimed)
    await home.bus.settle()
    assert len(home.outcomes()) == 1


async def settle(home: House, notice: Any, claim: str) -> bool:
    """What the first post would write when it came back late."""
    return await home.service.transactions.run(lambda tx: home.store.settle(tx, notice.id, claim, "sent", ""))


async def test_admin_with_many_registrations_gets_a_row_for_each_and_one_mail_in_half_an_hour(
    home: House, smtp: MailSink
) -> None:
    email = address("admin")
    await home.hear(opened("p", email, "province", province=GANSU), registered("first", province=GANSU))
    await home.send_all()
    assert len(smtp.wait_for(2, email)) == 2  # the account is open; the first registration, at once
    await home.hear(*(registered(f"s{n}", province=GANSU, name=f"工作室{n}") for n in range(30)))
    home.clock.advance(timedelta(minutes=29, seconds=59))
    await home.send_all()
    assert len(await home.inbox("p")) == 32
    assert len(smtp.messages(email)) == 2
    home.clock.advance(timedelta(seconds=1))
    await home.send_all()
    third = smtp.wait_for(3, email)[2:]
    assert len(third) == 1
    body = third[0].get_payload(decode=True)
    assert isinstance(body, bytes)
    assert body.decode().count("待审核注册认证：工作室") == 20
    assert "另有10条" in body.decode()
    sent = [event for event in home.outcomes() if event.account == "p"]
    assert (len(sent), len({event.notice for event in sent})) == (32, 32)


async def test_death_while_a_digest_goes_out_repeats_it_under_one_id(
    home: House, settings: Settings, smtp: MailSink
) -> None:
    email = address("admin")
    await home.hear(opened("p", email, "province", province=GANSU))
    await home.send_all()
    await home.hear(registered("s1", province=GANSU), registered("s2", province=GANSU))
    dying = house(home.service, home.bus, home.clock, settings, Dies)
    with pytest.raises(asyncio.CancelledError):
        await dying.post.send_digest()
    await home.send_all()
    assert len(home.outcomes()) == 1
    home.clock.advance(rules.LEASE)
    await home.send_all()
    mails = smtp.wait_for(3, email)
    assert (len(mails), len(set(message_ids(mails)))) == (3, 2)
    assert len(home.outcomes()) == 3


async def test_studio_registered_again_is_told_again(home: House, clock: SetClock, bus: MemoryBus) -> None:
    await home.hear(opened("a", address("a")), registered("a"), registered("a", attempt=2))
    subjects = [notice.template for notice in await home.inbox("a")]
    assert subjects == ["certification-submitted", "certification-submitted", "account-opened"]
