"""Carries committed outbox rows to the broker: confirmed, in order for each subject, pipelined, under a lease."""

import asyncio
import contextlib
import time
from collections import defaultdict
from datetime import UTC, datetime
from typing import Protocol

from pymongo import ReturnDocument
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from chassis import crash, metrics
from chassis.delivery import Message
from chassis.ids import new_id
from chassis.logs import log
from chassis.mongo import Document, Records

BATCH = 1000
LEASE_MS = 15_000
GATHER_S = 0.01
"""From the first commit heard of to looking for its rows: its neighbours' go with them, for a third of the work."""


def stopping() -> bool:
    """Whether the current task was cancelled: PyMongo can swallow a cancellation that meets an answer."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Publisher(Protocol):
    """Hands messages to the broker."""

    async def publish(self, message: Message) -> None:
        """Return when the broker has taken responsibility; raise when it has not, or nobody would receive it."""


class Relay:
    """Sends what is waiting in one service's outbox. Any number may run; the lease lets one work at a time."""

    def __init__(self, records: Records, publisher: Publisher) -> None:
        self._records = records
        # One instant's rows, of a majority: none that a failover would roll back, no later one of a subject alone.
        self._committed = records.outbox.with_options(read_concern=ReadConcern("snapshot"))
        self._publisher = publisher
        self._me = new_id()
        self._wake = asyncio.Event()
        self._held_until = 0.0
        self._holding = asyncio.Event()

    async def run(self) -> None:
        """Relay until cancelled; an outage of store or broker is logged and waited out."""
        while not stopping():
            try:
                moved = await self._hold_lease() and await self.drain()
            except (PyMongoError, OSError, TimeoutError) as error:
                log().warning("relay_waits", error=repr(error)[:200])
                moved = False
            if not moved:
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: on Python 3.11 it can swallow a cancellation that comes with the wake-up.
                    async with asyncio.timeout(1.0):
                        await self._wake.wait()
                        await asyncio.sleep(GATHER_S)
                self._wake.clear()

    async def drain(self) -> bool:
        """Send one batch of waiting rows; True when a whole batch went out, so that there may be more."""
        rows = await self._committed.find({"waiting": True}).sort("_id").limit(BATCH).to_list()
        metrics.OUTBOX_WAITING.set(len(rows))
        chains: dict[str, list[Document]] = defaultdict(list)
        for row in rows:
            chains[row["subject"]].append(row)
        sent = await asyncio.gather(*(self._send_chain(chain) for chain in chains.values()))
        ids = [row_id for chain in sent for row_id in chain]
        if ids:
            await self._records.outbox.update_many(
                {"_id": {"$in": ids}}, {"$set": {"sent_at": datetime.now(UTC)}, "$unset": {"waiting": ""}}
            )
            crash.point("marked")
        return len(ids) == BATCH

    async def _send_chain(self, chain: list[Document]) -> list[str]:
        """Send one subject's rows one after the other; stop at the first the broker does not take."""
        sent: list[str] = []
        for row in sorted(chain, key=lambda row: int(row["sequence"])):
            try:
                await self._send(row)
            except Exception as error:  # noqa: BLE001 - whatever kept it from the broker, the row stays and is tried again
                log().warning(
                    "publish_refused",
                    id=row["_id"],
                    topic=row["topic"],
                    subject=row["subject"],
                    error=repr(error)[:200],
                )
                break
            sent.append(row["_id"])
        return sent

    async def _send(self, row: Document) -> None:
        message = Message(
            row["_id"],
            row["topic"],
            row["body"],
            row["subject"],
            row["source"],
            row["at"],
            row["sequence"],
            row["traceparent"],
        )
        await crash.during("published", self._publisher.publish(message))
        crash.point("confirmed")
        metrics.TOLD.labels(row["topic"]).inc()

    async def _hold_lease(self) -> bool:
        """Take the lease by the database's own clock, or renew it once a third of it is over."""
        if time.monotonic() < self._held_until - LEASE_MS * 2 / 3000:
            return True
        asked = time.monotonic()
        free = {"$or": [{"$eq": ["$holder", self._me]}, {"$lt": [{"$ifNull": ["$until", 0]}, "$$NOW"]}]}
        taken = {"holder": self._me, "until": {"$add": ["$$NOW", LEASE_MS]}}
        take = [{"$set": {name: {"$cond": [free, value, f"${name}"]} for name, value in taken.items()}}]
        lease = await self._records.leases.find_one_and_update(
            {"_id": "relay"}, take, upsert=True, return_document=ReturnDocument.AFTER
        )
        held = lease is not None and lease["holder"] == self._me
        self._held_until = asked + LEASE_MS / 1000 if held else 0.0
        if held:
            self._holding.set()
        else:
            self._holding.clear()
        return held

    async def release(self) -> None:
        """Give the lease back, so that another relay goes on at once."""
        self._held_until = 0.0
        self._holding.clear()
        await self._records.leases.delete_one({"_id": "relay", "holder": self._me})

    async def watch(self) -> None:
        """Wake the relay as soon as a transaction with outbox rows commits, in whichever process. Only who holds the
        lease listens: for each who does, MongoDB looks at every write there is."""
        while not stopping():
            await self._holding.wait()
            try:
                committed: list[Document] = [{"$match": {"operationType": "insert"}}, {"$project": {"_id": 1}}]
                async with await self._records.outbox.watch(committed) as inserts:
                    self._wake.set()
                    while inserts.alive and self._holding.is_set() and not stopping():
                        if await inserts.try_next() is not None:
                            self._wake.set()
            except PyMongoError as error:
                log().warning("relay_watch_lost", error=repr(error)[:200])
                await asyncio.sleep(1)
