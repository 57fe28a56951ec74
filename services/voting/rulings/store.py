"""Rulings and what they correct, in MongoDB, beside the ballots they decide on."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.read_concern import ReadConcern

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import BallotId, CampaignId, EntryId
from services.voting.models import Ballot, State
from services.voting.rulings.models import Corrections, Held, Page, Ruling, Where
from services.voting.store import COUNTED, ballot_of, kept

SCANNED = 20_000
"""Votes looked through for one page: they have no index by what they are selected by, which each would pay for."""


class RulingStore:
    """`rulings`, one document each; `corrections`, one for each campaign; the state of ballots."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        seen_by_all = ReadConcern("majority")  # what is told of a ballot must not be taken back
        self._rulings = database["rulings"]
        self._corrections = database.get_collection("corrections", read_concern=seen_by_all)
        self._ballots = database.get_collection("ballots", read_concern=seen_by_all)

    async def prepare(self) -> None:
        """Create indexes."""
        await self._rulings.create_indexes(
            [
                IndexModel([("campaign", ASCENDING), ("at", ASCENDING)]),
                IndexModel([("done", ASCENDING)], partialFilterExpression={"done": False}),
            ]
        )
        numbered = IndexModel(
            [("campaign", ASCENDING), ("later", ASCENDING)],
            unique=True,
            partialFilterExpression={"later": {"$exists": True}},
        )
        await self._ballots.create_indexes([numbered])

    async def add(self, tx: Transaction, ruling: Ruling) -> None:
        """Keep a new ruling."""
        await self._rulings.insert_one({"_id": _key(ruling), **ruling.model_dump()}, session=tx.session)

    async def save(self, tx: Transaction, ruling: Ruling) -> None:
        """Keep how far a ruling was carried out."""
        step = ruling.model_dump(include={"after", "decided", "done"})
        await self._rulings.update_one({"_id": _key(ruling)}, {"$set": step}, session=tx.session)

    async def ruling(self, campaign: CampaignId, ruling: str, tx: Transaction | None = None) -> Ruling | None:
        """The ruling of an id in a campaign."""
        found = await self._rulings.find_one({"_id": f"{campaign}/{ruling}"}, session=_session(tx))
        return None if found is None else Ruling.model_validate(found)

    async def rulings(self, campaign: CampaignId, limit: int) -> list[Ruling]:
        """The last rulings of a campaign, the newest first."""
        found = self._rulings.find({"campaign": campaign}).sort([("at", -1), ("_id", -1)]).limit(limit)
        return [Ruling.model_validate(row) async for row in found]

    async def under_way(self) -> Ruling | None:
        """A ruling that is not carried out wholly."""
        found = await self._rulings.find_one({"done": False})
        return None if found is None else Ruling.model_validate(found)

    async def page(
        self, campaign: CampaignId, which: Where | Sequence[BallotId], after: str, limit: int,
        tx: Transaction | None = None,
    ) -> Page:  # fmt: skip
        """A campaign's ballots that were named or fit, by id, from the one behind `after`. A page may be empty and not
        be the last."""
        beyond: Document = {"$gt": after}
        end = None
        if not isinstance(which, Where):
            wanted: Document = {"ballot": {**beyond, "$in": list(which)}}
        else:
            if which.state == "counted" and (end := await self._scanned(after, tx)) is not None:
                beyond["$lte"] = end
            wanted = {"ballot": beyond, **_wanted(which)}
        query = self._ballots.find({"campaign": campaign, **wanted}, session=_session(tx)).sort("ballot").limit(limit)
        found = [kept(row) async for row in query]
        return Page(found, found[-1].ballot.id if len(found) == limit else end)

    async def _scanned(self, after: str, tx: Transaction | None) -> str | None:
        """The ballot up to which one page looks; None where that is the last one there is."""
        ids = self._ballots.find({"ballot": {"$gt": after}}, {"_id": 0, "ballot": 1}, session=_session(tx))
        found = await ids.sort("ballot").skip(SCANNED - 1).limit(1).to_list()
        return found[0]["ballot"] if found else None

    async def void(self, tx: Transaction, ballots: Sequence[BallotId], ruling: Ruling) -> None:
        """Let ballots not count."""
        await self._decide(tx, ballots, {"$set": {"state": "voided", "ruling": ruling.id}})

    async def count(self, tx: Transaction, ballots: Sequence[BallotId], ruling: Ruling) -> None:
        """Let ballots count."""
        await self._decide(tx, ballots, {"$unset": {"state": 1}, "$set": {"ruling": ruling.id}})

    async def _decide(self, tx: Transaction, ballots: Sequence[BallotId], change: Document) -> None:
        await self._ballots.update_many({"ballot": {"$in": list(ballots)}}, change, session=tx.session)

    async def number(self, tx: Transaction, ballots: Sequence[BallotId], first: int) -> None:
        """Number held ballots that count from now on, in the order they go into the stream."""
        numbered = [UpdateOne({"ballot": each}, {"$set": {"later": n}}) for n, each in enumerate(ballots, first)]
        if numbered:
            await self._ballots.bulk_write(numbered, ordered=False, session=tx.session)

    async def correct(
        self, tx: Transaction, campaign: CampaignId, voided: Mapping[EntryId, int], later: int = 0, under_way: int = 0
    ) -> Corrections:
        """Add to what was corrected in a campaign; what it was before. Two corrections, or a correction and the close,
        at the same moment conflict."""
        more = {f"voided.{entry}": votes for entry, votes in voided.items()}
        before = await self._corrections.find_one_and_update(
            {"_id": campaign},
            {"$inc": {"version": 1, "later": later, "under_way": under_way, **more}},
            upsert=True, return_document=ReturnDocument.BEFORE, session=tx.session,
        )  # fmt: skip
        return _corrections(before)

    async def corrections(self, campaign: CampaignId, tx: Transaction | None = None) -> Corrections:
        """What was corrected in a campaign."""
        return _corrections(await self._corrections.find_one({"_id": campaign}, session=_session(tx)))

    async def numbered(self) -> dict[CampaignId, int]:
        """How many held ballots of each campaign were counted, where any was."""
        found = self._corrections.find({"later": {"$gt": 0}}, {"later": 1})
        return {CampaignId(row["_id"]): row["later"] async for row in found}

    async def counted_later(self, campaign: CampaignId, after: int, upto: int, limit: int) -> list[tuple[int, Ballot]]:
        """Held ballots that were counted, by their numbers, from the one behind `after`."""
        numbered = {"campaign": campaign, "later": {"$gt": after, "$lte": upto}}
        query = self._ballots.find(numbered).sort("later").limit(limit)
        return [(row["later"], ballot_of(row)) async for row in query]

    async def amount(self, campaign: CampaignId, state: State) -> int:
        """How many ballots of a campaign are held, or voided."""
        return await self._ballots.count_documents({"state": state, "campaign": campaign})

    async def held(self, campaign: CampaignId, limit: int) -> list[Held]:
        """What is held in a campaign, most first."""
        steps: list[Document] = [
            {"$match": {"state": "held", "campaign": campaign}},
            {"$unwind": "$held"},
            {"$group": {"_id": ["$held", "$channel", "$entry"], "ballots": {"$sum": 1}}},
            {"$sort": {"ballots": -1, "_id": 1}},
            {"$limit": limit},
        ]
        names = ("signal", "channel", "entry")
        found = await self._ballots.aggregate(steps)
        return [
            Held.model_validate({**dict(zip(names, row["_id"], strict=True)), "ballots": row["ballots"]})
            async for row in found
        ]


def _wanted(where: Where) -> Document:
    named = where.model_dump(include={"entry", "channel", "device", "address"}, exclude_none=True)
    span = {op: at for op, at in (("$gte", where.since), ("$lt", where.until)) if at is not None}
    state: Document = COUNTED if where.state == "counted" else {"state": where.state}
    signal = {"held": where.signal} if where.signal else {}
    return {**state, **named, **signal, **({"received_at": span} if span else {})}


def _corrections(found: Document | None) -> Corrections:
    given: dict[str, Any] = found or {}
    return Corrections(**{name: given[name] for name in ("version", "under_way", "later", "closed") if name in given})


def _key(ruling: Ruling) -> str:
    return f"{ruling.campaign}/{ruling.id}"


def _session(tx: Transaction | None) -> AsyncClientSession | None:
    return None if tx is None else tx.session
