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

    async def find(self, key: str) -> list[Document]:
        """The waiting messages of a key or of the start of a message's id; those already settled if none waits."""
        named = {"$or": [{"_id": key}, {"message": {"$regex": f"^{re.escape(key)}"}}]}
        found = await self._parked.find(named).to_list()
        return [row for row in found if "settled" not in row] or found

    async def settle(self, row: Document, how: str, who: str, why: str) -> None:
        """Note that a person replayed or discarded it; the message is kept, and one parked again meanwhile waits."""
        settled = {"how": how, "who": who, "why": why, "at": datetime.now(UTC)}
        same = {"_id": row["_id"], "parked_at": row["parked_at"]}
        await self._parked.update_one(same, {"$set": {"settled": settled}})


def unparked(row: Document) -> Message:
    """The message a parked row was made from, with a clean history."""
    names = ("topic", "subject", "source", "at", "sequence", "traceparent", "sender", "reply_to", "correlation_id")
    return Message(id=row["message"], body=bytes(row["body"]), **{name: row[name] for name in names})
