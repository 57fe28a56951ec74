"""One service's MongoDB database: how it is reached and the collections the chassis keeps in it."""

from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, AsyncMongoClient, IndexModel
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.write_concern import WriteConcern

Document = dict[str, Any]

REPEAT_WINDOW = timedelta(days=14)
"""How long a repeat of a message is still recognised; twice the week we promise."""


def connect(url: str) -> AsyncMongoClient[Document]:
    """A client that answers or fails within seconds, reads UTC, and writes to a majority's journal."""
    return AsyncMongoClient(
        url,
        tz_aware=True,
        serverSelectionTimeoutMS=4000,
        connectTimeoutMS=3000,
        socketTimeoutMS=20000,
        maxPoolSize=50,
        w="majority",
        journal=True,
        uuidRepresentation="standard",
    )


class Records:
    """The chassis's own collections beside a service's: inbox, outbox, subjects, audit, parked, leases."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self.database = database
        self.inbox = self._collection("inbox")
        self.outbox = self._collection("outbox")
        self.subjects = self._collection("subjects")
        self.audit = self._collection("audit")
        self.parked = self._collection("parked")
        self.attempts = self._collection("attempts")
        self.leases = self._collection("leases")

    def _collection(self, name: str) -> AsyncCollection[Document]:
        return self.database.get_collection(name, write_concern=WriteConcern("majority", j=True))

    async def prepare(self) -> None:
        """Create collections and indexes; safe to repeat, and by several processes at once."""
        seconds = int(REPEAT_WINDOW.total_seconds())
        await self.inbox.create_indexes([IndexModel([("at", ASCENDING)], expireAfterSeconds=seconds)])
        await self.attempts.create_indexes([IndexModel([("at", ASCENDING)], expireAfterSeconds=seconds)])
        await self.outbox.create_indexes(
            [
                IndexModel([("waiting", ASCENDING), ("_id", ASCENDING)], partialFilterExpression={"waiting": True}),
                IndexModel([("sent_at", ASCENDING)], expireAfterSeconds=seconds),
            ]
        )
        await self.audit.create_indexes([IndexModel([("subject", ASCENDING), ("n", ASCENDING)], unique=True)])
        await self.parked.create_indexes([IndexModel([("at", ASCENDING)])])
