"""Settles tickets nobody comes back for, finishes completions that were cut off, and clears orphans from the store."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from chassis.clock import Clock
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.ids import MaterialId, TicketId
from services.media.intake import rules
from services.media.intake.completion import Completion
from services.media.intake.models import Ticket
from services.media.intake.store import IntakeStore
from services.media.materials.store import MaterialStore
from services.media.objects import PUBLISHED, Packages

ORPHANS_EVERY: Final = timedelta(hours=1)
"""Looking for orphans lists the whole store, so it is done less often than settling tickets."""
BATCH: Final = 500


@dataclass(frozen=True)
class Sweep:
    """Reconciles tickets, store and material. Any number may run: each step is safe to repeat and to lose a race."""

    transactions: Transactions
    store: IntakeStore
    materials: MaterialStore
    packages: Packages
    completion: Completion
    clock: Clock
    every: timedelta

    async def run(self) -> None:
        """Settle tickets for as long as the process lives."""
        while True:
            await self.settle()
            await asyncio.sleep(self.every.total_seconds())

    async def run_orphans(self) -> None:
        """Clear orphans for as long as the process lives."""
        while True:
            await self.clear_orphans()
            await asyncio.sleep(ORPHANS_EVERY.total_seconds())

    async def settle(self) -> None:
        """Do what is due for each ticket; one that cannot be settled does not keep the others back."""
        now = self.clock.now()
        for ticket in await self.store.unsettled():
            try:
                await self._settle(ticket, now)
            except Refused as error:
                log().warning("sweep_refused", ticket=ticket.id, state=ticket.state, reason=str(error)[:200])
            except ConnectionError as error:
                log().warning("sweep_failed", ticket=ticket.id, state=ticket.state, error=repr(error)[:200])
                if await self._store_is_away():
                    return

    async def _store_is_away(self) -> bool:
        """Whether the store answers nobody, or only did not do what it was asked for one ticket."""
        try:
            await self.packages.answers()
        except ConnectionError as error:
            log().warning("store_away", error=repr(error)[:200])
            return True
        return False

    async def _settle(self, ticket: Ticket, now: datetime) -> None:
        match rules.due(ticket, now):
            case "finish":
                await self.completion.finish(ticket)
            case "expire" | "drop_parts" if await self.completion.rescue(ticket):
                return
            case "expire":
                if expired := await self._expire(ticket.id, now):
                    await self._clean(expired)
            case "drop_parts" if ticket.upload and await self.store.forget_upload(ticket):
                await self.packages.give_up(ticket.key, ticket.upload)
                log().info("parts_dropped", ticket=ticket.id)
            case "clean":
                await self._clean(ticket)

    @transactional
    async def _expire(self, tx: Transaction, ticket_id: TicketId, now: datetime) -> Ticket | None:
        ticket = await self.store.ticket_to_change(tx, ticket_id)
        if ticket is None or rules.due(ticket, now) != "expire":
            return None
        await self.store.change(tx, ticket.id, state="expired")
        tx.audit(f"ticket/{ticket.id}", "expire", "the drain time passed", drain_until=ticket.drain_until.isoformat())
        return ticket.model_copy(update={"state": "expired"})

    async def _clean(self, ticket: Ticket) -> None:
        """Leave nothing in the store of a ticket that ended."""
        await self.packages.discard(ticket.key, ticket.upload)
        await self.store.take_upload(ticket, None)
        log().info("ticket_cleaned", ticket=ticket.id, state=ticket.state)

    async def clear_orphans(self) -> None:
        """Drop what lies in the store for two days and belongs to no live ticket and no material."""
        now = self.clock.now()
        try:
            live = frozenset(ticket.upload for ticket in await self.store.unsettled() if ticket.upload)
            for orphan in rules.orphaned(await self.packages.unfinished(), live, now):
                await self.packages.give_up(orphan.key, orphan.upload)
                log().info("orphan_dropped", key=orphan.key, kind="upload")
            await self._clear_objects(now - rules.FORGOTTEN)
            await self._clear_published(now - rules.FORGOTTEN)
            await self._clear_posted(now - rules.FORGOTTEN)
        except ConnectionError as error:
            log().warning("store_away", error=repr(error)[:200])

    async def _clear_objects(self, before: datetime) -> None:
        old = await self.packages.older_than(before)
        for start in range(0, len(old), BATCH):
            keys = old[start : start + BATCH]
            owned = await self.materials.keys(keys) | await self.store.live_keys(keys)
            for key in keys:
                if key not in owned:
                    await self.packages.discard(key, None)
                    log().info("orphan_dropped", key=key, kind="object")

    async def _clear_posted(self, before: datetime) -> None:
        """Drop what a form sent for a ticket that has ended; a live one has it as the part it stands for."""
        posted = await self.packages.posted_before(before)
        live = await self.store.live_keys(tuple(posted))
        for key in posted.keys() - live:
            await self.packages.discard(posted[key], None)
            log().info("orphan_dropped", key=posted[key], kind="form")

    async def _clear_published(self, before: datetime) -> None:
        """Drop what a publication that was cut off and begun again left behind."""
        old = await self.packages.older_than(before, PUBLISHED)
        for start in range(0, len(old), BATCH):
            keys = {key: MaterialId(key.split("/")[1]) for key in old[start : start + BATCH]}
            shown = await self.materials.published_keys(set(keys.values()))
            waiting = await self.materials.not_published(set(keys.values()))
            for key, material in keys.items():
                if key not in shown and material not in waiting:
                    await self.packages.discard(key, None)
                    log().info("orphan_dropped", key=key, kind="published")
