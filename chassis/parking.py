"""Messages that gave up and wait for a person: kept with body, headers, reason, stack and history."""

import re
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
        await self._parked.update_one({"_id": key}, {"$set": row, "$unset": {"settled": ""}}, upsert=True)

    async def waiting(self) -> list[Document]:
        """Every message that waits for a person, longest first."""
        return await self._parked.find({"settled": None}).sort("parked_at").to_list()

    async def find(self, key: str) -> Document | None:
        """One message, waiting or settled, by its key or the start of its message's id."""
        return await self._parked.find_one({"$or": [{"_id": key}, {"message": {"$regex": f"^{re.escape(key)}"}}]})

    async def settle(self, key: str, how: str, who: str, why: str) -> None:
        """Note that a person replayed or discarded it; the message itself is kept."""
        settled = {"how": how, "who": who, "why": why, "at": datetime.now(UTC)}
        await self._parked.update_one({"_id": key}, {"$set": {"settled": settled}})


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
