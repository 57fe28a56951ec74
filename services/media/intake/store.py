"""Entries as heard and tickets as taken, in MongoDB."""

from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import EntryId, SlotId, StudioId, TicketId
from services.media.intake.models import LIVE, Entry, Ticket
from services.media.materials.models import Sight


class IntakeStore:
    """Reads that decide go through `…_to_change`: they write the document, so that concurrent decisions conflict."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._entries = database.entries
        self._tickets = database.tickets

    async def prepare(self) -> None:
        """Create the indexes."""
        await self._tickets.create_indexes(
            [IndexModel([("state", ASCENDING), ("drain_until", ASCENDING)]), IndexModel([("entry", ASCENDING)])]
        )
        await self._tickets.create_index("upload", sparse=True)

    async def entry_to_change(self, tx: Transaction, entry: EntryId) -> Entry | None:
        """The entry, held until the transaction ends; None where it was not heard of yet."""
        row = await self._entries.find_one_and_update(
            {"_id": entry}, {"$inc": {"held": 1}}, return_document=ReturnDocument.AFTER, session=tx.session
        )
        return Entry(id=entry, **_fields(row)) if row else None

    async def keep_entry(self, tx: Transaction, entry: Entry) -> None:
        """Keep what is now known of an entry."""
        said = entry.model_dump(exclude={"id"})
        await self._entries.update_one({"_id": entry.id}, {"$set": said}, upsert=True, session=tx.session)

    async def entry(self, entry: EntryId, sight: Sight) -> Entry | None:
        """An entry the caller may see."""
        row = await self._entries.find_one({"_id": entry, **sight.model_dump()})
        return Entry(id=entry, **_fields(row)) if row else None

    async def add(self, tx: Transaction, ticket: Ticket) -> None:
        """Keep a ticket that was just taken."""
        await self._tickets.insert_one({"_id": ticket.id, **ticket.model_dump(exclude={"id"})}, session=tx.session)

    async def ticket(self, ticket: TicketId, studio: StudioId) -> Ticket | None:
        """A studio's own ticket."""
        row = await self._tickets.find_one({"_id": ticket, "studio": studio})
        return _ticket(row) if row else None

    async def ticket_to_change(
        self, tx: Transaction, ticket: TicketId, studio: StudioId | None = None
    ) -> Ticket | None:
        """A ticket, held until the transaction ends; a studio's own, or any where the service itself asks."""
        mine = {"_id": ticket} if studio is None else {"_id": ticket, "studio": studio}
        row = await self._tickets.find_one_and_update(
            mine, {"$inc": {"held": 1}}, return_document=ReturnDocument.AFTER, session=tx.session
        )
        return _ticket(row) if row else None

    async def live(self, tx: Transaction, entry: EntryId, slot: SlotId) -> list[TicketId]:
        """The live tickets of an entry's slot, oldest first."""
        mine = {"entry": entry, "slot": slot, "state": {"$in": LIVE}}
        found = self._tickets.find(mine, {"_id": 1}, session=tx.session).sort("_id", ASCENDING)
        return [row["_id"] async for row in found]

    async def change(self, tx: Transaction, ticket: TicketId, **fields: Any) -> None:
        """Set some of a held ticket's fields."""
        await self._tickets.update_one({"_id": ticket}, {"$set": fields}, session=tx.session)

    async def seen(self, ticket: TicketId, now: datetime) -> None:
        """Remember that its studio came back for a ticket."""
        await self._tickets.update_one({"_id": ticket}, {"$set": {"seen_at": now}})

    async def take_upload(self, ticket: Ticket, upload: str | None) -> bool:
        """Change a live ticket's upload, unless somebody else did first."""
        done = await self._tickets.update_one(
            {"_id": ticket.id, "upload": ticket.upload, "state": ticket.state}, {"$set": {"upload": upload}}
        )
        return done.matched_count == 1

    async def forget_upload(self, ticket: Ticket) -> bool:
        """Forget the upload of a ticket its studio did not come back for in the meantime."""
        unseen = {"_id": ticket.id, "upload": ticket.upload, "state": ticket.state, "seen_at": ticket.seen_at}
        return (await self._tickets.update_one(unseen, {"$set": {"upload": None}})).matched_count == 1

    async def reopen(self, ticket: TicketId) -> None:
        """A completion was refused: the ticket is open again, as it was."""
        again = {"state": "open", "completing_at": None}
        await self._tickets.update_one({"_id": ticket, "state": "completing"}, {"$set": again})

    async def unsettled(self) -> list[Ticket]:
        """Every ticket that is live or still has an upload in the store."""
        found = self._tickets.find({"$or": [{"state": {"$in": LIVE}}, {"upload": {"$type": "string"}}]})
        return [_ticket(row) async for row in found]

    async def completing_since(self, before: datetime) -> list[Ticket]:
        """Tickets whose completion was asked for before an instant and is not done."""
        found = self._tickets.find({"state": "completing", "completing_at": {"$lte": before}})
        return [_ticket(row) async for row in found.sort("completing_at", ASCENDING)]

    async def live_keys(self, keys: tuple[str, ...]) -> set[str]:
        """Those of some object keys that a live ticket keeps a place for."""
        return {
            row["key"] async for row in self._tickets.find({"key": {"$in": keys}, "state": {"$in": LIVE}}, {"key": 1})
        }


def _ticket(row: Document) -> Ticket:
    return Ticket(id=row["_id"], **_fields(row))


def _fields(row: Document) -> Document:
    return {name: value for name, value in row.items() if name not in ("_id", "held")}
