"""Entries: opened, edited, handed in, completed as their material arrives, decided, given up when it never came."""

from collections.abc import Mapping
from datetime import datetime

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.ids import new_id
from chassis.logs import log
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ids import CampaignId, EntryId, MaterialId, SlotId, StudioId
from contracts.rulebook import Rulebook, Rulebooks
from contracts.rulebook.composition import Place
from services.registration.actions import granted, not_found
from services.registration.certification.models import Studio
from services.registration.certification.store import StudioStore
from services.registration.entries import rules
from services.registration.entries.models import Entry, EntryView, NewEntry
from services.registration.entries.store import EntryStore


class Entries:
    """What a certified studio does in a campaign. The time of a request is taken once, before its transaction, so
    that what was received in time counts however often the transaction has to begin again."""

    def __init__(
        self, transactions: Transactions, store: EntryStore, studios: StudioStore, rulebooks: Rulebooks, clock: Clock
    ) -> None:
        self.transactions, self.store, self.studios = transactions, store, studios
        self.rulebooks, self.clock = rulebooks, clock

    async def open(self, caller: Caller, wanted: NewEntry) -> EntryView:
        """Open an entry in a campaign."""
        entry = await self._open(caller, wanted, self._received())
        log().info("entry_opened", entry=entry.id, campaign=entry.campaign, track=entry.track)
        return self._view(entry)

    async def list(self, caller: Caller) -> list[EntryView]:
        """The caller's own entries."""
        return [self._view(entry) for entry in await self.store.all_of(caller.studio)]

    async def view(self, caller: Caller, entry: EntryId) -> EntryView:
        """One of the caller's own entries."""
        return self._view(await self._own(None, caller, entry))

    @transactional
    async def edit(
        self, tx: Transaction, caller: Caller, entry_id: EntryId, title: str | None, summary: str | None
    ) -> EntryView:
        """Change the words of an entry that is a draft or has come back."""
        entry = granted(rules.edited(await self._own(tx, caller, entry_id), title, summary))
        await self.store.save(tx, entry)
        tx.audit(f"entry/{entry.id}", "edit")
        return self._view(entry)

    async def submit(self, caller: Caller, entry_id: EntryId, named: Mapping[SlotId, MaterialId]) -> EntryView:
        """Hand an entry in; it is submitted at once or as soon as what is outstanding has arrived."""
        entry = await self._submit(caller, entry_id, named, self._received())
        log().info("entry_handed_in", entry=entry.id, state=entry.state)
        return self._view(entry)

    @transactional
    async def take_upload(self, tx: Transaction, event: MaterialUploaded) -> None:
        """Note that an upload is complete."""
        known = await self._known(tx, event.entry)
        await self._take_news(tx, known, rules.with_upload(known, event))

    @transactional
    async def take_verdict(self, tx: Transaction, event: MediaValidated) -> None:
        """Note what was found in an upload."""
        known = await self._known(tx, event.entry)
        await self._take_news(tx, known, rules.with_verdict(known, event))

    @transactional
    async def decide(self, tx: Transaction, entry_id: EntryId, decision: ProvinceApproved | ProvinceReturned) -> None:
        """Take over what the province decided."""
        entry = await self._known(tx, entry_id)
        if (after := rules.decided(entry, decision)) != entry:
            await self.store.save(tx, after)
            tx.audit(f"entry/{entry.id}", f"become {after.state}", by=decision.by, attempt=entry.attempt)

    async def give_up_overdue(self) -> None:
        """Close the handed-in entries whose bytes did not come before the drain was over."""
        now = self.clock.now()
        for entry in await self.store.handed_in():
            rulebook = self.rulebooks.get(entry.campaign)
            if rulebook and rules.overdue(entry, rulebook, now):
                await self._give_up(entry.id, now)
                log().info("entry_incomplete", entry=entry.id)

    @transactional
    async def _open(self, tx: Transaction, caller: Caller, wanted: NewEntry, now: datetime) -> Entry:
        rulebook, studio = self._rulebook(wanted.campaign), await self._studio(tx, caller)
        existing = await self.store.in_campaign(tx, studio.id, wanted.campaign)
        places = [Place(entry.track, entry.theme) for entry in existing]
        place = Place(wanted.track, wanted.theme)
        granted(rules.refuses_opening(studio, rulebook, places, place, now))
        entry = _opened(studio, wanted, rulebook, now)
        await self.store.save(tx, entry)
        await self.studios.save(tx, studio.model_copy(update={"entries": studio.entries + 1}))
        tx.tell(EntryOpened(at=now, entry=entry.id, **entry.model_dump(include=set(TOLD))))
        tx.audit(f"entry/{entry.id}", "open", campaign=entry.campaign, revision=entry.revision, track=entry.track)
        return entry

    @transactional
    async def _submit(
        self, tx: Transaction, caller: Caller, entry_id: EntryId, named: Mapping[SlotId, MaterialId], now: datetime
    ) -> Entry:
        before = await self._own(tx, caller, entry_id)
        entry = granted(rules.handed_in(before, self._rulebook(before.campaign), now, named))
        if entry != before:
            await self._save(tx, entry, "hand in")
        return entry

    @transactional
    async def _give_up(self, tx: Transaction, entry_id: EntryId, now: datetime) -> None:
        entry = await self._known(tx, entry_id)
        if rules.overdue(entry, self._rulebook(entry.campaign), now):
            await self.store.save(tx, entry.model_copy(update={"state": "incomplete"}))
            tx.audit(f"entry/{entry.id}", "become incomplete", "material not in before the drain was over")

    async def _take_news(self, tx: Transaction, known: Entry, news: Entry) -> None:
        after = rules.settled(news, self._rulebook(news.campaign))
        if after.state == known.state:
            await self.store.save(tx, after)
        else:
            await self._save(tx, after, f"become {after.state}")

    async def _save(self, tx: Transaction, entry: Entry, did: str) -> None:
        await self.store.save(tx, entry)
        tx.audit(f"entry/{entry.id}", did, state=entry.state, attempt=entry.attempt, revision=entry.revision)
        if entry.state == "submitted" and entry.received_at is not None:
            told = entry.model_dump(include={*TOLD, "attempt", "received_at"})
            tx.tell(EntrySubmitted(at=self.clock.now(), entry=entry.id, materials=entry.submitted, **told))

    async def _own(self, tx: Transaction | None, caller: Caller, entry_id: EntryId) -> Entry:
        entry = await self.store.get_of(tx, caller.studio, entry_id)
        if entry is None:
            raise not_found("entry")
        return entry

    async def _known(self, tx: Transaction, entry_id: EntryId) -> Entry:
        entry = await self.store.get(tx, entry_id)
        if entry is None:
            raise not_found("entry")
        return entry

    async def _studio(self, tx: Transaction, caller: Caller) -> Studio:
        studio_id = caller.studio or StudioId("")
        return await self.studios.get(tx, studio_id) or Studio(id=studio_id, account=caller.account)

    def _received(self) -> datetime:
        """Now, cut to the milliseconds that records keep, so that record and event say the same."""
        now = self.clock.now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def _rulebook(self, campaign: CampaignId) -> Rulebook:
        if campaign in self.rulebooks:
            return self.rulebooks[campaign]
        raise not_found("campaign")

    def _view(self, entry: Entry) -> EntryView:
        rulebook = self.rulebooks.get(entry.campaign)  # an old campaign's may be gone; its entries can still be seen
        waits = rules.outstanding(entry, rulebook) if rulebook else ()
        until = rules.deadline(entry, rulebook) if rulebook else None
        given = {"reopened_slots": entry.open_slots, "mend_by": entry.open_until, "deadline": until}
        return EntryView(entry=entry.id, outstanding=waits, **entry.model_dump() | given)


TOLD = frozenset(
    {"studio", "account", "campaign", "revision", "track", "theme", "title", "studio_name", "province", "city"}
)
"""What both events say of an entry."""


def _opened(studio: Studio, wanted: NewEntry, rulebook: Rulebook, now: datetime) -> Entry:
    province, city = studio.region
    return Entry(
        id=EntryId(new_id()),
        studio=studio.id,
        account=studio.account,
        studio_name=studio.name,
        province=province,
        city=city,
        revision=rulebook.revision,
        opened_at=now,
        **wanted.model_dump(),
    )
