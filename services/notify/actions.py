"""What notify does: tells people what happened, sends the mails, shows the inbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.logs import log
from chassis.refusal import Refused as NotGranted
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.event import Event
from contracts.events.notify import NoticeFailed, NoticeSent
from contracts.events.registration import AccountOpened, StudioRegistered
from contracts.ids import AccountId, NoticeId
from contracts.rulebook import Rulebook, Rulebooks
from services.notify import rules
from services.notify.mailer import Mailer
from services.notify.models import Account, Letter, Message, Notice, NotTaken, Outcome, Refused, Sent, Waiting
from services.notify.store import NotifyStore
from services.notify.wording import Wording

AT_A_TIME = 50
"""Waiting messages looked at in a round, and notices of a digest settled in a transaction."""
LISTED = 20
"""Notices a digest names; the others it counts."""


@dataclass(frozen=True)
class Notify:
    """Turns events into notices, each once, and keeps what nobody can be told yet."""

    transactions: Transactions
    store: NotifyStore
    rulebooks: Rulebooks
    wording: Wording
    clock: Clock

    @transactional
    async def tell(self, tx: Transaction, event: Event, because: str) -> None:
        """Address everything `event` has to be told about; `because` is its id."""
        match event:
            case AccountOpened():
                await self.store.open_account(tx, event)
            case StudioRegistered():
                await self.store.place_studio(tx, event)
        for message in self._messages(event, because):
            if not await self._address(tx, message):
                await self.store.wait(tx, message, self.clock.now() + rules.delay_after(1))

    async def address_waiting(self) -> int:
        """Look again for whom the waiting messages are; says how many found somebody."""
        waiting = await self.store.waiting(self.clock.now(), AT_A_TIME)
        return sum([await self._address_again(each) for each in waiting])

    @transactional
    async def _address_again(self, tx: Transaction, waiting: Waiting) -> bool:
        if await self._address(tx, waiting.message):
            await self.store.no_longer_wait(tx, waiting)
            return True
        await self.store.wait_on(tx, waiting, self.clock.now() + rules.delay_after(waiting.tries + 1))
        return False

    def _messages(self, event: Event, because: str) -> Sequence[Message]:
        rulebook = self._rulebook(event)
        return [
            Message(because=because, subject=subject, body=body, **telling.model_dump(exclude={"facts"}))
            for telling in rules.tellings(event, rulebook)
            for subject, body in [self.wording.render(telling.template, telling.facts)]
        ]

    def _rulebook(self, event: Event) -> Rulebook | None:
        """The rulebook in force; a campaign unknown here is told of by default rather than not at all."""
        campaign = getattr(event, "campaign", None) or getattr(getattr(event, "about", None), "campaign", None)
        return None if campaign is None else self.rulebooks.get(campaign)

    async def _address(self, tx: Transaction, message: Message) -> bool:
        """Make a notice for each account the message is for; False where none is known."""
        accounts = await self.store.reached_by(tx, message.to)
        new = await self.store.add(tx, [self._notice(message, account) for account in accounts])
        for notice in new:
            if notice.mail == "none":
                tx.tell(_sent(notice, self.clock))
        return bool(accounts)

    def _notice(self, message: Message, account: AccountId) -> Notice:
        return Notice(
            id=NoticeId(new_id()), key=f"{message.because}/{account}/{message.template}", account=account,
            state="sent" if message.mail == "none" else "due", created_at=self.clock.now(),
            **message.model_dump(include={"because", "template", "subject", "body", "mail"}),
        )  # fmt: skip

    async def inbox(self, account: AccountId, after: str | None, unread: bool, limit: int) -> tuple[int, list[Notice]]:
        """How many notices of an account are unread, and a page of them."""
        return await self.store.count_unread(account), await self.store.inbox(account, after, unread, limit)

    @transactional
    async def read(self, tx: Transaction, account: AccountId, notice: NoticeId) -> Notice:
        """Mark one's own notice as read; 404 for anybody else's."""
        if (found := await self.store.read(tx, account, notice, self.clock.now())) is None:
            raise NotGranted(404, "unknown_notice", "没有这条通知。", "There is no such notice.")
        tx.audit(f"notice/{notice}", "read")
        return found


@dataclass(frozen=True)
class Post:
    """Sends the mails that are due. Any number of processes may: a mail is claimed before it is sent.

    What became of it is written, and told, in one transaction; only a death between the mail server's yes and that
    transaction makes a mail go twice, under the same Message-ID.
    """

    transactions: Transactions
    store: NotifyStore
    wording: Wording
    mailer: Mailer
    clock: Clock
    digest_every: timedelta

    async def send_one(self) -> bool:
        """Send one mail that is due; False where there is none."""
        if (claimed := await self.store.claim(self.clock.now(), self.clock.now() + rules.LEASE)) is None:
            return False
        notice, claim = claimed
        account = await self.store.account(notice.account)
        outcome = await self.mailer.send(Letter(notice.id, account.pii["email"], notice.subject, notice.body))
        _log(outcome, notice.id, notice.tries)
        if isinstance(outcome, NotTaken):
            later = self.clock.now() + rules.delay_after(notice.tries)
            await self.store.postpone(notice.id, claim, later, outcome.reason)
        else:
            await self._settle(notice, claim, outcome)
        return True

    @transactional
    async def _settle(self, tx: Transaction, notice: Notice, claim: str, outcome: Sent | Refused) -> None:
        if await self.store.settle(tx, notice.id, claim, *_state(outcome)):
            tx.tell(_told(notice, outcome, self.clock))

    async def send_digest(self) -> bool:
        """Write to one admin of everything that came since the last mail; False where nobody may be written to."""
        if (claimed := await self.store.claim_digest(self.clock.now(), self.clock.now() + rules.LEASE)) is None:
            return False
        account, tries = claimed
        notices = await self.store.due_for_digest(account.id, rules.DIGEST_MOST)
        if not notices:
            await self.store.next_digest(account.id, self.clock.now(), tries=0)
            return True
        outcome = await self.mailer.send(self._digest(account, notices))
        _log(outcome, notices[0].id, tries)
        if isinstance(outcome, NotTaken):
            await self.store.next_digest(account.id, self.clock.now() + rules.delay_after(tries), tries=tries)
            return True
        for start in range(0, len(notices), AT_A_TIME):
            await self._settle_digest(notices[start : start + AT_A_TIME], outcome)
        await self.store.next_digest(account.id, self.clock.now() + self.digest_every, tries=0)
        return True

    @transactional
    async def _settle_digest(self, tx: Transaction, notices: Sequence[Notice], outcome: Sent | Refused) -> None:
        await self.store.settle_digest(tx, [notice.id for notice in notices], *_state(outcome))
        for notice in notices:
            tx.tell(_told(notice, outcome, self.clock))

    def _digest(self, account: Account, notices: Sequence[Notice]) -> Letter:
        """One notice goes as it is. A repeat of a digest begins with the same notice, so it has the same id."""
        first = notices[0]
        if len(notices) == 1:
            return Letter(first.id, account.pii["email"], first.subject, first.body)
        facts: dict[str, Any] = {"subjects": [notice.subject for notice in notices[:LISTED]]}
        subject, body = self.wording.render("digest", facts | {"more": max(len(notices) - LISTED, 0)})
        return Letter(first.id, account.pii["email"], subject, body)


def _log(outcome: Outcome, notice: NoticeId, tries: int) -> None:
    match outcome:
        case Sent():
            log().info("mail_sent", notice=notice, tries=tries)
        case Refused(reason):
            log().warning("mail_refused", notice=notice, reason=reason)
        case NotTaken(reason):
            log().warning("mail_not_taken", notice=notice, tries=tries, reason=reason)


def _state(outcome: Sent | Refused) -> tuple[str, str]:
    return ("sent", "") if isinstance(outcome, Sent) else ("failed", outcome.reason)


def _told(notice: Notice, outcome: Sent | Refused, clock: Clock) -> NoticeSent | NoticeFailed:
    if isinstance(outcome, Sent):
        return _sent(notice, clock)
    return NoticeFailed(
        at=clock.now(), notice=notice.id, account=notice.account, template=notice.template, because=notice.because,
        reason=outcome.reason,
    )  # fmt: skip


def _sent(notice: Notice, clock: Clock) -> NoticeSent:
    return NoticeSent(
        at=clock.now(), notice=notice.id, account=notice.account, template=notice.template,
        channel="inbox" if notice.mail == "none" else "mail", because=notice.because,
    )  # fmt: skip
