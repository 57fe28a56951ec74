"""What a test of notify stands on: the service on a bus, its post, a clock, events that concern known people."""

import asyncio
import secrets
from dataclasses import dataclass
from email.message import Message as Mail
from typing import Any
from zoneinfo import ZoneInfo

from chassis.service import Service
from chassis.testing import MemoryBus, SetClock
from contracts.events.notify import NoticeFailed, NoticeSent
from contracts.events.registration import AccountOpened, Contact, StudioRegistered
from contracts.ids import AccountId
from contracts.rulebook import SHIPPED, load_all
from services.notify.actions import Notify, Post
from services.notify.mailer import Mailer
from services.notify.models import Letter, Notice, Outcome
from services.notify.settings import Settings
from services.notify.store import NotifyStore
from services.notify.wording import Wording
from tests.support.factories import make

GANSU, SICHUAN = "620000", "510000"


def address(name: str) -> str:
    """An e-mail address nobody else writes to."""
    return f"{name}-{secrets.token_hex(4)}@example.org"


def opened(account: str, email: str, role: str = "studio", **more: Any) -> AccountOpened:
    """Somebody's account."""
    fields = {"studio": f"studio-of-{account}" if role == "studio" else None, "province": None, "city": None} | more
    return make(AccountOpened, account=account, role=role, pii=Contact(name="示例", email=email), **fields)


def registered(account: str, **changes: Any) -> StudioRegistered:
    """An account's studio asks for certification."""
    return make(StudioRegistered, account=account, studio=f"studio-of-{account}", **changes)


def message_ids(mails: list[Mail]) -> list[str]:
    """What tells one mail from another."""
    return [mail["Message-ID"] for mail in mails]


@dataclass(frozen=True)
class House:
    """Notify with what a test may replace of it."""

    service: Service
    bus: MemoryBus
    clock: SetClock
    store: NotifyStore
    notify: Notify
    post: Post

    async def hear(self, *events: Any) -> None:
        """Let notify hear events, and address what waited for somebody."""
        for event in events:
            await self.bus.tell(event)
        await self.bus.settle()
        while await self.notify.address_waiting():
            pass

    async def send_all(self) -> None:
        """Send every mail that is due now, digests too, and tell what became of them."""
        while await self.post.send_one():
            pass
        while await self.post.send_digest():
            pass
        await self.bus.settle()

    async def inbox(self, account: str) -> list[Notice]:
        """An account's notices, newest first."""
        return (await self.notify.inbox(AccountId(account), None, False, 200))[1]

    def outcomes(self) -> list[NoticeSent | NoticeFailed]:
        """What was told of notices, in order."""
        return [event for event in self.bus.told if isinstance(event, NoticeSent | NoticeFailed)]


class Dies(Mailer):
    """Hands the letter over for real and then never comes back to say so."""

    async def send(self, letter: Letter) -> Outcome:
        await super().send(letter)
        raise asyncio.CancelledError


def house(service: Service, bus: MemoryBus, clock: SetClock, settings: Settings, kind: type[Mailer] = Mailer) -> House:
    """The same actions the service runs, in the test's hands."""
    store, rulebooks = NotifyStore(service.database), load_all(SHIPPED)
    wording = Wording(settings.public_url, ZoneInfo(settings.time_zone))
    notify = Notify(service.transactions, store, rulebooks, wording, clock)
    mailer = kind(settings.smtp_url, settings.mail_from, clock)
    post = Post(service.transactions, store, wording, mailer, clock, settings.digest_every)
    return House(service, bus, clock, store, notify, post)
