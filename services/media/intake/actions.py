"""Takes tickets, shows what is still to be sent, and gives tickets up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.ids import new_id
from chassis.logs import log
from chassis.refusal import Unavailable
from chassis.transaction import Transaction, Transactions, transactional
from contracts.ids import CampaignId, EntryId, MaterialId, Sha256, SlotId, TicketId
from contracts.rulebook import Rulebook, Rulebooks
from services.media.intake import refusals, rules
from services.media.intake.models import Entry, PartUrl, Progress, Terms, Ticket
from services.media.intake.receipts import Receipts
from services.media.intake.store import IntakeStore
from services.media.objects import PREFIX, Packages


class Wanted(Protocol):
    """What a ticket is asked for."""

    @property
    def entry(self) -> EntryId: ...
    @property
    def slot(self) -> SlotId: ...
    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> Sha256: ...


@dataclass(frozen=True)
class Tickets:
    """Places kept for files before any byte moves."""

    transactions: Transactions
    store: IntakeStore
    packages: Packages
    receipts: Receipts
    rulebooks: Rulebooks
    clock: Clock
    url_lasts: timedelta

    async def take(self, caller: Caller, wanted: Wanted) -> Progress:
        """Take a ticket. It counts from now even while the object store is away and URLs have to follow later."""
        ticket = await self._take(caller, wanted, self._now())
        log().info("ticket_taken", ticket=ticket.id, entry=ticket.entry, slot=ticket.slot, size=ticket.size)
        try:
            return await self._progress(ticket)
        except ConnectionError as error:
            log().warning("store_away", ticket=ticket.id, error=repr(error)[:200])
            return Progress(ticket, store_away=True)

    @transactional
    async def _take(self, tx: Transaction, caller: Caller, wanted: Wanted, now: datetime) -> Ticket:
        entry = await self.store.entry_to_change(tx, wanted.entry)
        if entry is None or entry.studio != caller.studio:
            raise refusals.entry_not_known_yet()
        terms = rules.admit(entry, wanted.slot, wanted.size, self._rulebook(entry.campaign), now)
        rules.require_room(await self.store.live(tx, entry.id, wanted.slot))
        ticket = self._ticket(entry, wanted, terms, now)
        await self.store.add(tx, ticket)
        tx.audit(f"ticket/{ticket.id}", "take", entry=entry.id, slot=ticket.slot, size=ticket.size)
        return ticket

    async def show(self, caller: Caller, ticket_id: TicketId) -> Progress:
        """What has come and where the rest goes, with fresh URLs: an upload is resumed by this."""
        ticket = await self.store.ticket(ticket_id, rules.studio_of(caller.studio))
        if ticket is None:
            raise refusals.ticket_not_found()
        now = self._now()
        await self.store.seen(ticket.id, now)
        if ticket.state != "open" or now >= ticket.drain_until:
            return Progress(ticket)
        return await self._progress(ticket)

    async def _progress(self, ticket: Ticket) -> Progress:
        stored = await self.packages.parts(ticket.key, ticket.upload) if ticket.upload else None
        if stored is None:
            ticket, stored = await self._begin(ticket), ()
        stored = rules.one_each(ticket, stored)
        if rules.is_one_part(ticket) and (posted := rules.as_part(ticket, await self.packages.posted(ticket.key))):
            return Progress(ticket, (posted,))
        lasts = rules.url_lasts(ticket, self._now(), self.url_lasts)
        upload = ticket.upload or ""
        missing = tuple(
            PartUrl(number, self.packages.part_url(ticket.key, upload, number, size, lasts), size)
            for number, size in rules.missing(ticket, stored).items()
        )
        form = self.packages.form(ticket.key, ticket.size, lasts) if missing and rules.is_one_part(ticket) else None
        return Progress(ticket, rules.good(ticket, stored), missing, form)

    async def _begin(self, ticket: Ticket) -> Ticket:
        """Begin the upload in parts; of two who do so at once, one gives way to the other."""
        upload = await self.packages.begin(ticket.key)
        if await self.store.take_upload(ticket, upload):
            return ticket.model_copy(update={"upload": upload})
        await self.packages.give_up(ticket.key, upload)
        return await self.store.ticket(ticket.id, ticket.studio) or ticket

    async def abort(self, caller: Caller, ticket_id: TicketId) -> None:
        """Give a ticket up and drop what came for it. What cannot be dropped now is dropped by the sweep."""
        ticket = await self._abort(caller, ticket_id)
        log().info("ticket_aborted", ticket=ticket.id)
        try:
            await self.packages.discard(ticket.key, ticket.upload)
            await self.store.take_upload(ticket, None)
        except ConnectionError as error:
            log().warning("store_away", ticket=ticket.id, error=repr(error)[:200])

    @transactional
    async def _abort(self, tx: Transaction, caller: Caller, ticket_id: TicketId) -> Ticket:
        ticket = await self.store.ticket_to_change(tx, ticket_id, rules.studio_of(caller.studio))
        if ticket is None:
            raise refusals.ticket_not_found()
        rules.require_abortable(ticket)
        await self.store.change(tx, ticket.id, state="aborted")
        tx.audit(f"ticket/{ticket.id}", "abort", entry=ticket.entry)
        return ticket.model_copy(update={"state": "aborted"})

    def _now(self) -> datetime:
        return rules.whole_ms(self.clock.now())

    def _rulebook(self, campaign: CampaignId) -> Rulebook:
        if campaign not in self.rulebooks:
            raise Unavailable(f"no rulebook of {campaign} is at hand, though an entry in it was opened")
        return self.rulebooks[campaign]

    def _ticket(self, entry: Entry, wanted: Wanted, terms: Terms, now: datetime) -> Ticket:
        material = MaterialId(new_id())
        ticket = Ticket(
            id=TicketId(new_id()),
            material=material,
            entry=entry.id,
            slot=wanted.slot,
            studio=entry.studio,
            account=entry.account,
            campaign=entry.campaign,
            track=entry.track,
            province=entry.province,
            name=wanted.name,
            size=wanted.size,
            sha256=wanted.sha256,
            taken_at=now,
            seen_at=now,
            receipt="",
            key=f"{PREFIX}{entry.id}/{material}",
            **terms.model_dump(),
        )
        return ticket.model_copy(update={"receipt": self.receipts.sign(ticket)})
