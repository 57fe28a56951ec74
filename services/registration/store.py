"""How registration keeps records in MongoDB."""

from typing import Any, Generic, TypeVar

from pymongo.asynchronous.collection import AsyncCollection

from chassis.mongo import Document
from chassis.transaction import Transaction
from services.registration.models import Record

R = TypeVar("R", bound=Record)


class Kept(Generic[R]):
    """Records of one kind in a collection, under their `id`."""

    def __init__(self, kind: type[R], collection: AsyncCollection[Document]) -> None:
        self._kind, self.collection = kind, collection

    async def one(self, tx: Transaction | None, **where: Any) -> R | None:
        """The record with these values; read in `tx` where the read decides something."""
        found = await self.collection.find_one(_document(where), session=tx.session if tx else None)
        return self._record(found) if found else None

    async def all(self, tx: Transaction | None, **where: Any) -> list[R]:
        """Every record with these values, oldest first."""
        found = self.collection.find(_document(where), session=tx.session if tx else None).sort("_id")
        return [self._record(each) async for each in found]

    async def save(self, tx: Transaction, record: R) -> None:
        """Write a record, new or known; two transactions that write the same one conflict, and one begins again."""
        document = _document(record.model_dump())
        await self.collection.replace_one({"_id": document["_id"]}, document, upsert=True, session=tx.session)

    def _record(self, document: Document) -> R:
        return self._kind.model_validate({**document, "id": document["_id"]})


def _document(values: dict[str, Any]) -> Document:
    return {"_id" if name == "id" else name: value for name, value in values.items()}
