"""Keeps what is heard of entries: whose they are, and whether material may still be changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.identity import Caller
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceReturned
from contracts.ids import EntryId
from services.media.intake import refusals, rules
from services.media.intake.store import IntakeStore
from services.media.materials.models import Material
from services.media.materials.rules import sight_of
from services.media.materials.store import MaterialStore


@dataclass(frozen=True)
class Entries:
    """Media's own read model of entries."""

    transactions: Transactions
    store: IntakeStore
    materials: MaterialStore

    async def materials_of(self, caller: Caller, entry: EntryId) -> Sequence[Material]:
        """Everything that came in for an entry the caller may see."""
        sight = sight_of(caller.studio, caller.province, caller.role)
        if await self.store.entry(entry, sight) is None:
            raise refusals.entry_not_found()
        return await self.materials.of_entry(entry, sight)

    @transactional
    async def hear_opened(self, tx: Transaction, event: EntryOpened) -> None:
        """Tickets can be taken for an entry from now on."""
        known = await self.store.entry_to_change(tx, event.entry)
        await self.store.keep_entry(tx, rules.opened(known, event))

    @transactional
    async def hear_submitted(self, tx: Transaction, event: EntrySubmitted) -> None:
        """An entry lies with the province: its material stays as it is."""
        known = await self.store.entry_to_change(tx, event.entry)
        await self.store.keep_entry(tx, rules.submitted(known, event))

    async def hear_returned(self, event: ProvinceReturned) -> None:
        """An entry came back; what a province says of a studio's form is not our concern."""
        if isinstance(event.about, EntrySubject):
            await self._reopen(event, event.about)

    @transactional
    async def _reopen(self, tx: Transaction, event: ProvinceReturned, about: EntrySubject) -> None:
        known = await self.store.entry_to_change(tx, about.entry)
        await self.store.keep_entry(tx, rules.returned(known, event, about))
