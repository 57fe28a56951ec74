"""Material and the verdicts on it, in MongoDB."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.events.media import PublishedFile
from contracts.ids import EntryId, MaterialId, SlotId
from services.media.materials.models import Check, Material, Sight
from services.media.queue.models import OPEN

JUST_NOW_MS: Final = 600_000


class MaterialStore:
    """Every query for a caller carries what that caller may see."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._materials, self._jobs = database.materials, database.jobs

    async def prepare(self) -> None:
        """Create the indexes; a ticket gives one material, whatever happens."""
        await self._materials.create_indexes(
            [
                IndexModel([("ticket", ASCENDING)], unique=True),
                IndexModel([("entry", ASCENDING), ("slot", ASCENDING), ("taken_at", ASCENDING)]),
                IndexModel([("object.key", ASCENDING)]),
                IndexModel([("superseded_by", ASCENDING), ("check.stage", ASCENDING), ("uploaded_at", ASCENDING)]),
            ]
        )

    async def add(self, tx: Transaction, material: Material) -> None:
        """Keep material that just came in."""
        row = {"_id": material.id, **material.model_dump(exclude={"id"})}
        await self._materials.insert_one(row, session=tx.session)

    async def in_force(self, tx: Transaction, entry: EntryId, slot: SlotId) -> list[Material]:
        """What lies in a slot and was not superseded; the entry is held by the caller's transaction."""
        rows = self._materials.find({"entry": entry, "slot": slot, "superseded_by": None}, session=tx.session)
        return [_material(row) async for row in rows]

    async def put_back(self, tx: Transaction, materials: Sequence[MaterialId]) -> list[Material]:
        """Let those of some materials count again that were superseded; returns these."""
        superseded = {"_id": {"$in": list(materials)}, "superseded_by": {"$ne": None}}
        rows = await self._materials.find(superseded, session=tx.session).to_list()
        ids = {"_id": {"$in": [row["_id"] for row in rows]}}
        await self._materials.update_many(ids, {"$set": {"superseded_by": None}}, session=tx.session)
        return [_material(row | {"superseded_by": None}) for row in rows]

    async def approve(self, tx: Transaction, materials: Sequence[MaterialId]) -> list[Material]:
        """Note that their entry was approved with them; returns them."""
        these = {"_id": {"$in": list(materials)}}
        await self._materials.update_many(these, {"$set": {"approved": True}}, session=tx.session)
        return [_material(row) async for row in self._materials.find(these, session=tx.session)]

    async def keep_published(self, tx: Transaction, material: MaterialId, files: Sequence[PublishedFile]) -> None:
        """Keep what held material is shown by."""
        shown = {"$set": {"published": [file.model_dump() for file in files]}}
        await self._materials.update_one({"_id": material}, shown, session=tx.session)

    async def published_of(self, entry: EntryId) -> list[Material]:
        """The material of an entry that was published, by slot."""
        rows = self._materials.find({"entry": entry, "published": {"$type": "array"}}).sort("slot", ASCENDING)
        return [_material(row) async for row in rows]

    async def supersede(self, tx: Transaction, older: list[Material], by: MaterialId) -> None:
        """Put newer material in the place of older."""
        ids = [material.id for material in older]
        await self._materials.update_many({"_id": {"$in": ids}}, {"$set": {"superseded_by": by}}, session=tx.session)

    async def to_change(self, tx: Transaction, material: MaterialId) -> Material | None:
        """Material, held until the transaction ends."""
        row = await self._materials.find_one_and_update(
            {"_id": material}, {"$inc": {"held": 1}}, return_document=ReturnDocument.AFTER, session=tx.session
        )
        return _material(row) if row else None

    async def was_checked(self, tx: Transaction, entry: EntryId, slot: SlotId) -> bool:
        """Whether material of a slot has had a verdict."""
        query = {"entry": entry, "slot": slot, "check": {"$ne": None}}
        return await self._materials.find_one(query, {"_id": 1}, session=tx.session) is not None

    async def keep_check(self, tx: Transaction, material: MaterialId, check: Check) -> None:
        """Keep the verdict on held material."""
        await self._materials.update_one({"_id": material}, {"$set": {"check": check.model_dump()}}, session=tx.session)

    async def get(self, material: MaterialId, sight: Sight | None = None) -> Material | None:
        """Material, where the caller may see it; the service itself sees all."""
        row = await self._materials.find_one({"_id": material, **(sight.model_dump() if sight else {})})
        return _material(row) if row else None

    async def unfinished(self, before: datetime) -> list[Material]:
        """What came in before an instant and still waits for a verdict, its proof, or to be made ready."""
        waits = [{"check": None}, {"check.stage": "first"}, {"approved": True, "published": None}]
        rows = self._materials.find({"superseded_by": None, "uploaded_at": {"$lt": before}, "$or": waits})
        return [_material(row) async for row in rows]

    async def of_entry(self, entry: EntryId, sight: Sight) -> list[Material]:
        """All material of an entry the caller may see, superseded too, newest first in each slot."""
        rows = self._materials.find({"entry": entry, **sight.model_dump()}).sort([("slot", 1), ("taken_at", -1)])
        return [_material(row) async for row in rows]

    async def keys(self, keys: tuple[str, ...]) -> set[str]:
        """Those of some object keys that are material."""
        found = self._materials.find({"object.key": {"$in": keys}}, {"object.key": 1})
        return {row["object"]["key"] async for row in found}

    async def not_published(self, materials: set[MaterialId]) -> set[MaterialId]:
        """Those of some materials whose files are being made, or will be without anybody's doing, or were only just
        now, so that whoever asked what is shown a moment ago does not know yet."""
        making: Document = {"state": {"$in": OPEN}}
        just_made: Document = {"$expr": {"$gt": ["$finished_at", {"$subtract": ["$$NOW", JUST_NOW_MS]}]}}
        query = {"material": {"$in": list(materials)}, "task": "publish", "$or": [making, just_made]}
        return {row["material"] async for row in self._jobs.find(query, {"material": 1})}

    async def published_keys(self, materials: set[MaterialId]) -> set[str]:
        """The keys some materials are shown by."""
        query = {"_id": {"$in": list(materials)}, "published": {"$type": "array"}}
        rows = self._materials.find(query, {"published.object.key": 1})
        return {file["object"]["key"] async for row in rows for file in row["published"]}


def _material(row: Document) -> Material:
    return Material(id=row["_id"], **{name: value for name, value in row.items() if name not in ("_id", "held")})
