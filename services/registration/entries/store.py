"""Entries in MongoDB."""

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import CampaignId, EntryId, StudioId
from services.registration.entries.models import Entry
from services.registration.store import Kept


class EntryStore:
    """Entries by id, by studio, and those that wait."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._entries = Kept(Entry, database["entries"])

    async def prepare(self) -> None:
        """Create indexes; safe to repeat."""
        own = IndexModel([("studio", ASCENDING), ("_id", ASCENDING)])
        waiting = IndexModel([("state", ASCENDING)], partialFilterExpression={"state": "handed_in"})
        await self._entries.collection.create_indexes([own, waiting])

    async def get(self, tx: Transaction, entry: EntryId) -> Entry | None:
        """Any studio's entry, for what events and the clock say of it."""
        return await self._entries.one(tx, id=entry)

    async def get_of(self, tx: Transaction | None, studio: StudioId | None, entry: EntryId) -> Entry | None:
        """One of a studio's own entries; None where it is another's."""
        return await self._entries.one(tx, id=entry, studio=studio)

    async def all_of(self, studio: StudioId | None) -> list[Entry]:
        """A studio's own entries, oldest first."""
        return await self._entries.all(None, studio=studio)

    async def in_campaign(self, tx: Transaction, studio: StudioId, campaign: CampaignId) -> list[Entry]:
        """A studio's own entries in a campaign."""
        return await self._entries.all(tx, studio=studio, campaign=campaign)

    async def handed_in(self) -> list[Entry]:
        """The entries that wait for bytes or verdicts."""
        return await self._entries.all(None, state="handed_in")

    async def save(self, tx: Transaction, entry: Entry) -> None:
        await self._entries.save(tx, entry)
