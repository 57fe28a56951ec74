"""Voting's records in MongoDB: entries, ballots, the books that number them, live counts, closed tallies."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pymongo
from msgspec import to_builtins
from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import BallotId, CampaignId, EntryId, TrackId
from services.voting import rules
from services.voting.models import Ballot, ClosedTally, Kept, Tally, Votable

WRITE_S = 8.0
"""A group of ballots is kept within this, or nobody knows yet."""
DUPLICATE = 11000
LOOKED_UP = 100
"""Voters whose ballots one query asks for."""
COUNTED: Document = {"state": None}
"""Only what is held or voided has a state, so that a ballot that counts costs nothing more."""


class VotingStore:
    """The one place that knows how voting's records lie in its database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._entries = database["entries"]
        self._ballots = database.get_collection(
            "ballots", write_concern=WriteConcern("majority", j=True), read_concern=ReadConcern("majority")
        )
        self._counts = database["counts"]
        self._positions = database["positions"]
        self._tallies = database["tallies"]
        self._received = database["received"]
        self._corrections = database["corrections"]

    async def prepare(self) -> None:
        """Create indexes. The `_id` of a ballot, `<campaign>/<voter>/<n>`, is what makes one vote once; ids of ballots
        rise within a book, so that a book can be read in its order."""
        await self._entries.create_indexes([IndexModel([("campaign", ASCENDING), ("_id", ASCENDING)])])
        await self._received.create_indexes([IndexModel([("looked_at", ASCENDING)], expireAfterSeconds=3600)])
        decided_on = {"partialFilterExpression": {"state": {"$exists": True}}}
        await self._ballots.create_indexes(
            [
                IndexModel([("ballot", ASCENDING)], unique=True),
                IndexModel([("state", ASCENDING), ("ballot", ASCENDING)], **decided_on),
            ]
        )

    async def admit(self, tx: Transaction, entry: Votable) -> None:
        """Keep an entry as votable; of several approvals the latest is kept."""
        known = await self._entries.find_one({"_id": entry.id}, session=tx.session)
        if known is None or known["approved_at"] < entry.approved_at:
            await self._entries.replace_one({"_id": entry.id}, _document(entry), upsert=True, session=tx.session)

    async def votable(self, entries: Iterable[EntryId]) -> list[Votable]:
        """Those of some entries whose approval was heard."""
        return [Votable(**_fields(each)) async for each in self._entries.find({"_id": {"$in": list(entries)}})]

    async def votables(self, campaign: CampaignId, tracks: Sequence[TrackId], after: str, limit: int) -> list[Votable]:
        """A campaign's approved entries of some tracks by id, from the one behind `after`."""
        wanted = {"campaign": campaign, "track": {"$in": list(tracks)}, "_id": {"$gt": after}}
        return [Votable(**_fields(entry)) async for entry in self._entries.find(wanted).sort("_id").limit(limit)]

    async def has_entries(self, campaign: CampaignId) -> bool:
        """Whether any entry of the campaign was approved."""
        return await self._entries.find_one({"campaign": campaign}) is not None

    async def keep(self, ballots: Sequence[Ballot]) -> set[int]:
        """Keep ballots, each of another voter, in one write to a majority's journal; says by their places which were
        not kept because another took their number. Any other failure leaves it open what was kept."""
        with pymongo.timeout(WRITE_S):
            try:
                await self._ballots.insert_many([ballot_document(ballot) for ballot in ballots], ordered=False)
            except BulkWriteError as error:
                refused: list[Document] = error.details["writeErrors"]
                if error.details["writeConcernErrors"] or any(each["code"] != DUPLICATE for each in refused):
                    raise
                return {int(each["index"]) for each in refused}
        return set()

    async def ballots_of(self, persons: Sequence[str]) -> dict[str, list[Ballot]]:
        """All ballots of some voters, named `<campaign>/<voter>`, from the first on."""
        found: dict[str, list[Ballot]] = {person: [] for person in persons}
        with pymongo.timeout(WRITE_S):
            for start in range(0, len(persons), LOOKED_UP):
                some = persons[start : start + LOOKED_UP]
                wanted = {"$or": [{"_id": {"$gt": f"{person}/", "$lt": f"{person}0"}} for person in some]}
                async for row in self._ballots.find(wanted):
                    found[row["_id"].rpartition("/")[0]].append(ballot_of(row))
        return {person: sorted(ballots, key=lambda ballot: ballot.n) for person, ballots in found.items()}

    async def received(self, message: str, now: datetime, lasts: timedelta) -> datetime:
        """When a message was first received within the time `lasts` before now, by whichever process; noted as now
        where it was not."""
        first = {"$cond": [{"$gt": ["$at", now - lasts]}, "$at", now]}
        noted: list[Document] = [{"$set": {"at": first, "looked_at": "$$NOW"}}]
        with pymongo.timeout(WRITE_S):
            found = await self._received.find_one_and_update(
                {"_id": message}, noted, upsert=True, return_document=ReturnDocument.AFTER
            )
        assert found is not None
        at: datetime = found["at"]
        return at

    async def ballot(self, ballot: BallotId) -> Kept | None:
        """A ballot and what it is now."""
        found = await self._ballots.find_one({"ballot": ballot})
        return None if found is None else kept(found)

    async def count_ballots(self, campaign: CampaignId) -> int:
        """How many ballots count in a campaign."""
        return await self._ballots.count_documents({"campaign": campaign, **COUNTED})

    async def recount(self, campaign: CampaignId) -> Tally:
        """The tally made anew from nothing but the ballots."""
        steps: list[Document] = [
            {"$match": {"campaign": campaign, **COUNTED}},
            {"$group": {"_id": "$entry", "votes": {"$sum": 1}}},
        ]
        found = await self._ballots.aggregate(steps, allowDiskUse=True)
        return rules.tally(campaign, [(row["_id"], row["votes"]) async for row in found])

    async def position(self, partition: str) -> int:
        """Where in a partition of the vote stream counting goes on."""
        found = await self._positions.find_one({"_id": _place(partition)})
        return int(found["next"]) if found else 0

    async def count(
        self, tx: Transaction, partition: str, start: int, end: int,
        votes: Mapping[CampaignId, Mapping[EntryId, int]],
    ) -> bool:  # fmt: skip
        """Add what lies in a partition from `start` up to `end` to the live counts, and move on; False where the place
        is another by now, counted by somebody else."""
        place = {"_id": _place(partition)}
        at = await self._positions.find_one_and_update(
            place, {"$setOnInsert": {"next": 0}}, upsert=True, return_document=True, session=tx.session
        )
        if at is None or at["next"] != start:
            return False
        await self._positions.update_one(place, {"$set": {"next": end}}, session=tx.session)
        for campaign, counts in votes.items():
            more = {f"entries.{entry}": count for entry, count in counts.items()}
            await self._counts.update_one({"_id": campaign}, {"$inc": more}, upsert=True, session=tx.session)
        return True

    async def live(self, campaign: CampaignId, tx: Transaction | None = None) -> Tally:
        """The tally of the votes in the stream so far, without those that were voided. Where one was voided before it
        came into the stream an entry has a vote too few, below none even, until it did."""
        counts = await self._counts.find_one({"_id": campaign}, session=_session(tx)) or {"entries": {}}
        corrections = await self._corrections.find_one({"_id": campaign}, session=_session(tx)) or {}
        votes: Counter[str] = Counter(counts["entries"])
        votes.subtract(corrections.get("voided", {}))
        return rules.tally(campaign, [(EntryId(entry), left) for entry, left in votes.items() if left])

    async def forget_counts(self) -> None:
        """Drop the live counts and begin at the first vote of the stream, when that was made anew and is empty."""
        await self._counts.delete_many({})
        await self._positions.delete_many({})

    async def count_all(self) -> int:
        """How many ballots there are, about."""
        return await self._ballots.estimated_document_count()

    async def close(self, tx: Transaction, tally: ClosedTally) -> None:
        """Freeze a tally; a campaign has one, written once. A ruling at the same moment conflicts with it."""
        frozen = {"$set": {"closed": True}}
        await self._corrections.update_one({"_id": tally.campaign}, frozen, upsert=True, session=tx.session)
        await self._tallies.insert_one({"_id": tally.campaign, **tally.model_dump()}, session=tx.session)

    async def closed(self, campaign: CampaignId, tx: Transaction | None = None) -> ClosedTally | None:
        """The frozen tally, where the vote is over."""
        found = await self._tallies.find_one({"_id": campaign}, session=_session(tx))
        return None if found is None else ClosedTally.model_validate(found)


def _place(partition: str) -> str:
    """What the place in a partition is kept under: `votes` of a stream that is alone."""
    return partition.removeprefix("zhumeng.")


def _session(tx: Transaction | None) -> AsyncClientSession | None:
    return None if tx is None else tx.session


def ballot_document(ballot: Ballot) -> Document:
    """A ballot as it lies in the database; what it does not have is left out."""
    document: Document = to_builtins(ballot, builtin_types=(datetime,))
    if ballot.held:
        document["state"] = "held"
    return {"_id": f"{ballot.campaign}/{ballot.voter}/{ballot.n}", "ballot": document.pop("id"), **document}


def ballot_of(document: Document) -> Ballot:
    """The ballot in a document."""
    fields: dict[str, Any] = {name: document[name] for name in Ballot.__struct_fields__ if document.get(name)}
    return Ballot(id=document["ballot"], **{**fields, "held": tuple(document.get("held", ()))})


def kept(document: Document) -> Kept:
    """The same, and what it is now."""
    ballot, told = ballot_of(document), "held" not in document or "later" in document
    return Kept(ballot, document.get("state", "counted"), told, document.get("ruling"))


def _document(record: Votable) -> Document:
    document = record.model_dump()
    return {"_id": document.pop("id"), **document}


def _fields(document: Document) -> Document:
    fields = dict(document)
    return {"id": fields.pop("_id"), **fields}
