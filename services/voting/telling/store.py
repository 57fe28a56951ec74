"""The shelf of books in MongoDB: which process holds which, and the ballots each still owes to the vote stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pymongo
from pymongo import ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chassis.mongo import Document
from services.voting import rules
from services.voting.models import Ballot
from services.voting.store import WRITE_S, ballot_of


@dataclass(frozen=True)
class Owed:
    """A sealed book: its partition, where it has one, since which number it is looked into, and how often ballots were
    found in it."""

    name: str
    partition: str
    since: int | None
    passes: int


class Shelf:
    """Where books lie, each with the lease of the process that writes in it, by the database's own clock."""

    outages = (PyMongoError,)

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        safely: Document = {"write_concern": WriteConcern("majority", j=True), "read_concern": ReadConcern("majority")}
        self._books = database.get_collection("books", **safely)
        self._ballots = database.get_collection("ballots", **safely)
        self._turns = database["turns"]

    async def add(self, book: str, lease: timedelta, partitions: Sequence[str] = ()) -> str:
        """Put a new book on the shelf; DuplicateKeyError where there is one of that name. It lies there with its lease
        from the first moment, or whoever looks for books that nobody holds would seal it; and with the partition its
        ballots go into as long as it is known, the one whose turn it is. Says which; empty where there are none."""
        with pymongo.timeout(WRITE_S):
            partition = partitions[await self._turn() % len(partitions)] if partitions else ""
            kept = {"until": _in(lease)} | ({"partition": partition} if partition else {})
            await self._books.update_one({"_id": book, "until": {"$exists": False}}, [{"$set": kept}], upsert=True)
        return partition

    async def _turn(self) -> int:
        """Books there were before this one, of those that were given a partition."""
        given, more = {"_id": "books"}, {"$inc": {"given": 1}}
        before = await self._turns.find_one_and_update(given, more, upsert=True)
        return 0 if before is None else int(before["given"])

    async def renew(self, book: str, lease: timedelta) -> bool:
        """Hold a book for longer; False where it was sealed."""
        free = {"_id": book, "sealed_at": None}
        with pymongo.timeout(WRITE_S):
            return (await self._books.update_one(free, [{"$set": {"until": _in(lease)}}])).matched_count == 1

    async def release(self, book: str) -> None:
        """Let a book be sealed at once."""
        await self._books.update_one({"_id": book}, {"$set": {"until": datetime.fromtimestamp(0, UTC)}})

    async def reopen(self, book: str) -> None:
        """Have a sealed book looked into again at once."""
        await self._books.update_one({"_id": book}, {"$set": {"look_at": datetime.fromtimestamp(0, UTC)}})

    async def seal(self, hold: timedelta) -> Owed | None:
        """A book whose lease ran out, sealed now, or sealed before and due for a look; nobody else's for a while."""
        ran_out = {"sealed_at": None, "$expr": {"$lt": ["$until", "$$NOW"]}}
        due = {"sealed_at": {"$ne": None}, "$expr": {"$lt": ["$look_at", "$$NOW"]}}
        taken = {"sealed_at": {"$ifNull": ["$sealed_at", "$$NOW"]}, "look_at": _in(hold)}
        row = await self._books.find_one_and_update(
            {"$or": [ran_out, due]}, [{"$set": taken}], return_document=ReturnDocument.AFTER
        )
        if row is None:
            return None
        return Owed(row["_id"], row.get("partition", ""), row.get("since"), row.get("passes", 0))

    async def look_in(self, book: str, after: timedelta) -> None:
        """Have a sealed book looked into after a while, unless that is due by now, or was asked for meanwhile."""
        ahead = {"_id": book, "$expr": {"$gt": ["$look_at", "$$NOW"]}}
        await self._books.update_one(ahead, [{"$set": {"look_at": _in(after)}}])

    async def mark(self, book: str, since: int, one: int) -> int:
        """Mark the ballots of a sealed book that no look has found before as this look's; how many looks found any.
        Whose mark it is is settled before any of them is told, so a look cut short is taken up where it was."""
        await self._books.update_one({"_id": book}, {"$set": {"since": since}})
        await self._ballots.update_many({**_between(book, since, None), "look": None}, {"$set": {"look": one}})
        if one > 1 and not await self.marked(book, since, one, 1):
            return one - 1
        await self._books.update_one({"_id": book}, {"$set": {"passes": one}})
        return one

    async def marked(self, book: str, after: int, one: int, limit: int) -> list[Ballot]:
        """Ballots one look found, in their order."""
        found = self._ballots.find({**_between(book, after, None), "look": one}).sort("ballot").limit(limit)
        return [ballot_of(row) async for row in found]

    async def ballots(self, book: str, after: int, upto: int, limit: int) -> list[Ballot]:
        """Ballots of a book in their order; here and below without those that were held, which no book tells."""
        found = self._ballots.find(_between(book, after, upto)).sort("ballot").limit(limit)
        return [ballot_of(row) async for row in found]

    async def clear(self) -> bool:
        """Take every book off the shelf; False, and nothing is done, while a process holds one."""
        if await self._books.find_one({"sealed_at": None, "$expr": {"$gte": ["$until", "$$NOW"]}}):
            return False
        await self._books.delete_many({})
        return True

    async def page(self, after: str, limit: int) -> list[Ballot]:
        """All ballots of all books by id, from the one behind `after`."""
        found = self._ballots.find({"ballot": {"$gt": after}, "held": None}).sort("ballot").limit(limit)
        return [ballot_of(row) async for row in found]

    async def forget(self, book: str, after: timedelta) -> None:
        """Take a book that was just looked into off the shelf, if it was sealed long ago and no look at it is due."""
        old = {"$lt": ["$sealed_at", {"$subtract": ["$$NOW", round(after.total_seconds() * 1000)]}]}
        await self._books.delete_one({"_id": book, "$expr": {"$and": [old, {"$gt": ["$look_at", "$$NOW"]}]}})


def _in(span: timedelta) -> Document:
    return {"$add": ["$$NOW", round(span.total_seconds() * 1000)]}


def _between(book: str, after: int, upto: int | None) -> Document:
    """The ballots of a book with numbers above `after`, up to `upto` included."""
    first, end = (rules.ballot_prefix(book, n + 1) for n in (after, 0xFFFFFFFE if upto is None else upto))
    return {"ballot": {"$gte": first, "$lt": end}, "held": None}
