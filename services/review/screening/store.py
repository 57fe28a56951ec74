"""Studios and entries as provinces know them, in MongoDB."""

from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import AccountId, CampaignId, EntryId, StudioId
from services.review.screening.models import Certification, Check, Entry, Kind, Region
from services.review.screening.rules import verdict_of

ANYWHERE = Region()
HANDED_IN = {"attempt": {"$exists": True}}
"""An entry whose material was checked before it was handed in holds only its checks."""


def within(region: Region) -> Document:
    """The condition that keeps a query inside a region."""
    return {name: code for name, code in region._asdict().items() if code is not None}


class ScreeningStore:
    """`studios` and `entries`, one document each; every decision writes the document it decides on."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self.collections: dict[Kind, AsyncCollection[Document]] = {
            "studio": database["studios"],
            "entry": database["entries"],
        }

    async def prepare(self) -> None:
        """Create indexes; safe to repeat."""
        for collection in self.collections.values():
            order = [("handed_in_at", ASCENDING), ("_id", ASCENDING)]
            await collection.create_indexes(
                [
                    IndexModel([("province", ASCENDING), ("state", ASCENDING), *order]),
                    IndexModel([("state", ASCENDING), *order]),
                ]
            )

    async def submission(
        self, kind: Kind, which: str, region: Region = ANYWHERE, tx: Transaction | None = None
    ) -> Certification | Entry | None:
        """What was handed in under an id in a region; None where the region has none."""
        query = {"_id": which, **HANDED_IN, **within(region)}
        row = await self.collections[kind].find_one(query, session=tx.session if tx else None)
        if row is None:
            return None
        if kind == "studio":
            return Certification.model_validate({**row, "studio": row["_id"]})
        return Entry.model_validate({**row, "entry": row["_id"]})

    async def certification(self, tx: Transaction, studio: StudioId) -> Certification | None:
        """The studio, wherever it is."""
        found = await self.submission("studio", studio, tx=tx)
        return found if isinstance(found, Certification) else None

    async def entry(self, tx: Transaction, entry: EntryId) -> Entry | None:
        """The entry, wherever it is."""
        found = await self.submission("entry", entry, tx=tx)
        return found if isinstance(found, Entry) else None

    async def save(self, tx: Transaction, submission: Certification | Entry) -> None:
        """Write it; what an entry's materials came to is kept beside it for the queue."""
        row: dict[str, Any] = submission.model_dump(exclude={str(submission.kind)})
        if isinstance(submission, Entry):
            row["verdict"] = verdict_of(submission)
        change = {"$set": row}
        await self.collections[submission.kind].update_one(
            {"_id": submission.id}, change, upsert=True, session=tx.session
        )

    async def checks(self, tx: Transaction, entry: EntryId) -> tuple[Check, ...]:
        """What media found for an entry, whether it was handed in yet or not."""
        row = await self.collections["entry"].find_one({"_id": entry}, {"checks": 1}, session=tx.session)
        return tuple(Check.model_validate(check) for check in (row or {}).get("checks", ()))

    async def save_checks(self, tx: Transaction, entry: EntryId, checks: tuple[Check, ...]) -> None:
        """Write what media found, into the entry's own document: a decision at the same moment conflicts with it."""
        change = {"$set": {"checks": [check.model_dump() for check in checks]}}
        await self.collections["entry"].update_one({"_id": entry}, change, upsert=True, session=tx.session)

    async def approved_entries(self, tx: Transaction, campaign: CampaignId) -> list[Entry]:
        """A campaign's approved entries, by id."""
        query = {"campaign": campaign, "state": "approved"}
        rows = self.collections["entry"].find(query, session=tx.session).sort("_id")
        return [Entry.model_validate({**row, "entry": row["_id"]}) async for row in rows]

    async def accounts(self, tx: Transaction, studios: set[StudioId]) -> dict[StudioId, AccountId]:
        """The accounts of some studios."""
        query = {"_id": {"$in": sorted(studios)}, **HANDED_IN}
        rows = self.collections["studio"].find(query, {"account": 1}, session=tx.session)
        return {StudioId(row["_id"]): AccountId(row["account"]) async for row in rows}
