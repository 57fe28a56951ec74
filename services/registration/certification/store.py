"""Studios in MongoDB."""

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import Province, StudioId
from services.registration.certification.models import Studio
from services.registration.store import Kept


class StudioStore:
    """Studios by id. One that has not saved anything yet is not kept."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._studios = Kept(Studio, database["studios"])

    async def prepare(self) -> None:
        """Create indexes; safe to repeat."""
        await self._studios.collection.create_indexes([IndexModel([("province", ASCENDING), ("_id", ASCENDING)])])

    async def get(self, tx: Transaction | None, studio: StudioId) -> Studio | None:
        return await self._studios.one(tx, id=studio)

    async def get_in(self, province: Province, studio: StudioId) -> Studio | None:
        """A studio of the province; None where it is another's."""
        return await self._studios.one(None, id=studio, province=province)

    async def save(self, tx: Transaction, studio: Studio) -> None:
        await self._studios.save(tx, studio)
