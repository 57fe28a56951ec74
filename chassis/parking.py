"""Messages that gave up and wait for a person: kept with body, headers, reason, stack and history."""

from datetime import UTC, datetime

from chassis.delivery import Message
from chassis.mongo import Document, Records


class Parking:
    """One service's parked messages."""

    def __init__(self, records: Records) -> None:
        self._parked = records.parked

    async def park(self, key: str, queue: str, message: Message, reason: str, stack: str = "") -> None:
        """Keep `message`, majority written; parking it twice keeps one."""
        row = {
            **message.document(),
            "queue": queue,
            "body": message.body,
            "reason": reason,
            "stack": stack,
            "parked_at": datetime.now(UTC),
            "at": message.at,
        }
        await self._parked.update_one({"_id": key}, {"$set": row}, upsert=True)

    async def all(self) -> list[Document]:
        """Every parked message, oldest first."""
        return await self._parked.find().sort("parked_at").to_list()

    async def get(self, key: str) -> Document | None:
        """One parked message by its key, or None."""
        return await self._parked.find_one({"_id": key})

    async def remove(self, key: str) -> bool:
        """Forget one after it was replayed or a person discarded it."""
        return (await self._parked.delete_one({"_id": key})).deleted_count == 1


def unparked(row: Document) -> Message:
    """The message a parked row was made from, with a clean history."""
    return Message(
        row["message"],
        row["topic"],
        bytes(row["body"]),
        row["subject"],
        row["source"],
        row["at"],
        row["sequence"],
        row["traceparent"],
        row["sender"],
    )
