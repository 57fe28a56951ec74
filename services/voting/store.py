"""Voting's records in MongoDB: entries, ballots, live counts, closed tallies."""

from collections.abc import Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import BallotId, CampaignId, EntryId, TrackId
from services.voting import rules
from services.voting.models import Ballot, ClosedTally, Handed, Tally, Votable


class ClaimTaken(Exception):
    """Another ballot took the same place in a limit since this one was decided on; decide again."""


class VotingStore:
    """The one place that knows how voting's records lie in its database."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._entries = database["entries"]
        self._ballots = database["ballots"]
        self._counts = database["counts"]
        self._tallies = database["tallies"]

    async def prepare(self) -> None:
        """Create indexes. The unique one on `claims` is what makes one vote once."""
        await self._entries.create_indexes([IndexModel([("campaign", ASCENDING), ("_id", ASCENDING)])])
        await self._ballots.create_indexes([
            IndexModel([("claims", ASCENDING)], unique=True),
            IndexModel([("campaign", ASCENDING), ("voter", ASCENDING)]),
            IndexModel([("campaign", ASCENDING), ("entry", ASCENDING)]),
        ])  # fmt: skip
        await self._counts.create_indexes([IndexModel([("campaign", ASCENDING), ("entry", ASCENDING)])])

    async def admit(self, tx: Transaction, entry: Votable) -> None:
        """Keep an entry as votable; of several approvals the latest is kept."""
        known = await self._entries.find_one({"_id": entry.id}, session=tx.session)
        if known is None or known["approved_at"] < entry.approved_at:
            await self._entries.replace_one({"_id": entry.id}, _document(entry), upsert=True, session=tx.session)

    async def votable(self, entry: EntryId, tx: Transaction | None = None) -> Votable | None:
        """The entry, where its approval was heard."""
        found = await self._entries.find_one({"_id": entry}, session=_session(tx))
        return None if found is None else Votable(**_fields(found))

    async def votables(self, campaign: CampaignId, tracks: Sequence[TrackId], after: str, limit: int) -> list[Votable]:
        """A campaign's approved entries of some tracks by id, from the one behind `after`."""
        wanted = {"campaign": campaign, "track": {"$in": list(tracks)}, "_id": {"$gt": after}}
        return [Votable(**_fields(entry)) async for entry in self._entries.find(wanted).sort("_id").limit(limit)]

    async def has_entries(self, campaign: CampaignId) -> bool:
        """Whether any entry of the campaign was approved."""
        return await self._entries.find_one({"campaign": campaign}) is not None

    async def earlier(self, handed: Handed, tx: Transaction | None = None) -> list[Ballot]:
        """The voter's ballots in the campaign, oldest first, and the one that holds the same nonce."""
        wanted: list[Document] = [{"campaign": handed.campaign, "voter": handed.voter}]
        if (nonce := rules.nonce_claim(handed)) is not None:
            wanted.append({"claims": nonce})
        found = self._ballots.find({"$or": wanted}, session=_session(tx)).sort("_id")
        return [Ballot(**_fields(ballot)) async for ballot in found]

    async def keep(self, tx: Transaction, ballots: Sequence[Ballot]) -> None:
        """Keep ballots with the places they take; ClaimTaken where one of them is held by another ballot."""
        try:
            await self._ballots.insert_many([_document(ballot) for ballot in ballots], session=tx.session)
        except DuplicateKeyError as error:
            raise ClaimTaken from error

    async def ballot(self, ballot: BallotId) -> Ballot | None:
        """A ballot that counts."""
        found = await self._ballots.find_one({"_id": ballot})
        return None if found is None else Ballot(**_fields(found))

    async def count_ballots(self, campaign: CampaignId) -> int:
        """How many ballots count in a campaign."""
        return await self._ballots.count_documents({"campaign": campaign})

    async def recount(self, campaign: CampaignId, tx: Transaction | None = None) -> Tally:
        """The tally made anew from nothing but the ballots."""
        return await self._sum(self._ballots, campaign, 1, tx)

    async def add(self, tx: Transaction, campaign: CampaignId, entry: EntryId, shard: int) -> None:
        """Count one vote for an entry, in one of the parts of its live count."""
        part = {"_id": f"{campaign}/{entry}/{shard}", "campaign": campaign, "entry": entry}
        await self._counts.update_one(part, {"$inc": {"votes": 1}}, upsert=True, session=tx.session)

    async def live(self, campaign: CampaignId, tx: Transaction | None = None) -> Tally:
        """The tally of the votes told so far."""
        return await self._sum(self._counts, campaign, "$votes", tx)

    async def close(self, tx: Transaction, tally: ClosedTally) -> None:
        """Freeze a tally; a campaign has one, written once."""
        await self._tallies.insert_one({"_id": tally.campaign, **tally.model_dump()}, session=tx.session)

    async def closed(self, campaign: CampaignId, tx: Transaction | None = None) -> ClosedTally | None:
        """The frozen tally, where the vote is over."""
        found = await self._tallies.find_one({"_id": campaign}, session=_session(tx))
        return None if found is None else ClosedTally.model_validate(found)

    async def _sum(self, collection: Any, campaign: CampaignId, votes: Any, tx: Transaction | None) -> Tally:
        steps = [{"$match": {"campaign": campaign}}, {"$group": {"_id": "$entry", "votes": {"$sum": votes}}}]
        found = await collection.aggregate(steps, session=_session(tx))
        return rules.tally(campaign, [(row["_id"], row["votes"]) async for row in found])


def _session(tx: Transaction | None) -> AsyncClientSession | None:
    return None if tx is None else tx.session


def _document(record: Votable | Ballot) -> Document:
    document = record.model_dump()
    return {"_id": document.pop("id"), **document}


def _fields(document: Document) -> Document:
    fields = dict(document)
    return {"id": fields.pop("_id"), **fields}
