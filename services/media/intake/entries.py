"""Keeps what is heard of entries: whose they are, and whether material may still be changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.identity import Caller
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceApproved, ProvinceReturned
from contracts.ids import EntryId
from services.media.intake import refusals, rules
from services.media.intake.models import Entry
from services.media.intake.store import IntakeStore
from services.media.materials.models import Material
from services.media.materials.queueing import Queueing
from services.media.materials.rules import sight_of
from services.media.materials.store import MaterialStore


@dataclass(frozen=True)
class Entries:
    """Media's own read model of entries."""

    transactions: Transactions
    store: IntakeStore
    materials: MaterialStore
    queueing: Queueing

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
        """An entry lies with the province, with the material it was submitted with: what came in its place before this
        was heard does not count."""
        known = await self.store.entry_to_change(tx, event.entry)
        entry = rules.submitted(known, event)
        await self.store.keep_entry(tx, entry)
        if rules.lies_with_province(entry):
            await self.queueing.put_back(tx, entry.materials)
        await self._show(tx, entry)

    async def hear_approved(self, event: ProvinceApproved) -> None:
        """An approved entry is to be shown; what a province says of a studio's form is not our concern."""
        if isinstance(event.about, EntrySubject):
            await self._approve(event, event.about)

    @transactional
    async def _approve(self, tx: Transaction, event: ProvinceApproved, about: EntrySubject) -> None:
        entry = rules.approved(await self.store.entry_to_change(tx, about.entry), event, about)
        await self.store.keep_entry(tx, entry)
        await self._show(tx, entry)

    async def _show(self, tx: Transaction, entry: Entry) -> None:
        """Only what the province saw is shown; of the attempt and its approval, either may be heard first."""
        if rules.to_show(entry):
            await self.queueing.show(tx, entry.materials)

    async def hear_returned(self, event: ProvinceReturned) -> None:
        """An entry came back; what a province says of a studio's form is not our concern."""
        if isinstance(event.about, EntrySubject):
            await self._reopen(event, event.about)

    @transactional
    async def _reopen(self, tx: Transaction, event: ProvinceReturned, about: EntrySubject) -> None:
        known = await self.store.entry_to_change(tx, about.entry)
        await self.store.keep_entry(tx, rules.returned(known, event, about))
