"""State, inbox row, outbox rows and audit records: written in one MongoDB transaction, or not at all."""

import functools
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import pymongo
from pydantic import BaseModel
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from chassis import crash, tracing
from chassis.clock import Clock
from chassis.delivery import DELIVERY, Delivery
from chassis.ids import new_id
from chassis.mongo import Document, Records
from chassis.origin import ORIGIN
from contracts.events.event import Event

T = TypeVar("T")
PATIENCE_S = 8.0
"""A transaction ends within this, retries of write conflicts included, or fails: no request waits for longer."""


class AlreadyDone(Exception):
    """This hearer's effect of this message was committed before; there is nothing left to do."""


class Transaction:
    """The open transaction an action works in. Stores pass `session` to the driver."""

    def __init__(self, session: AsyncClientSession, delivery: Delivery | None) -> None:
        self.session = session
        self._delivery = delivery
        self._told: list[Event] = []
        self._audited: list[Document] = []

    def tell(self, event: Event) -> None:
        """Tell `event` if and only if this transaction commits; in order among those of its subject."""
        self._told.append(event)

    def audit(self, subject: str, did: str, why: str = "", **facts: Any) -> None:
        """Leave who did what to `subject` and why, chained by hash to the subject's record before it."""
        origin = ORIGIN.get()
        self._audited.append(
            {"subject": subject, "did": did, "why": why, "who": origin.who, "role": origin.role, "facts": facts}
        )

    def answer(self, answer: BaseModel) -> None:
        """Answer an ingress message; a repeat of it gets the same answer."""
        if self._delivery is not None:
            self._delivery.answer = answer

    async def write(self, records: Records, source: str) -> None:
        """Write inbox, outbox and audit rows; raises AlreadyDone where the inbox knows this delivery."""
        await self._enter_inbox(records)
        subjects = {event.subject for event in self._told} | {row["subject"] for row in self._audited}
        for subject in sorted(subjects):
            await self._write_subject(records, subject, source)

    async def _enter_inbox(self, records: Records) -> None:
        if self._delivery is None:
            return
        answer = self._delivery.answer
        row = {
            "_id": self._delivery.key,
            "at": datetime.now(UTC),
            "answer": answer.model_dump(mode="json") if answer else None,
        }
        try:
            await records.inbox.insert_one(row, session=self.session)
        except DuplicateKeyError:
            raise AlreadyDone(self._delivery.key) from None

    async def _write_subject(self, records: Records, subject: str, source: str) -> None:
        told = [event for event in self._told if event.subject == subject]
        audited = [row for row in self._audited if row["subject"] == subject]
        # Counting first makes concurrent transactions on one subject conflict: what commits later counts later.
        before = await records.subjects.find_one_and_update(
            {"_id": subject},
            {"$inc": {"told": len(told), "audited": len(audited)}},
            upsert=True,
            return_document=ReturnDocument.BEFORE,
            session=self.session,
        ) or {"told": 0, "audited": 0, "head": ""}
        if told:
            await records.outbox.insert_many(
                [_outbox_row(event, before["told"] + n, source) for n, event in enumerate(told, 1)],
                session=self.session,
            )
        if audited:
            chain = _chained(audited, before["audited"], before.get("head", ""))
            await records.audit.insert_many(chain, session=self.session)
            await records.subjects.update_one(
                {"_id": subject}, {"$set": {"head": chain[-1]["hash"]}}, session=self.session
            )


def _outbox_row(event: Event, sequence: int, source: str) -> Document:
    return {
        "_id": new_id(),
        "topic": event.topic,
        "subject": event.subject,
        "sequence": sequence,
        "source": source,
        "body": event.model_dump_json().encode(),
        "at": datetime.now(UTC),
        "traceparent": tracing.traceparent(),
        "waiting": True,
    }


def _chained(rows: list[Document], already: int, head: str) -> list[Document]:
    chain = []
    for n, row in enumerate(rows, already + 1):
        at = datetime.now(UTC)
        record = {
            **row,
            "_id": new_id(),
            "n": n,
            "at": at.replace(microsecond=at.microsecond // 1000 * 1000),
            "prev": head,
        }
        head = record["hash"] = audit_hash(record)
        chain.append(record)
    return chain


def audit_hash(record: Document) -> str:
    """SHA-256 over the canonical JSON of an audit record without its own hash."""
    content = {key: value for key, value in record.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, default=_plain).encode()).hexdigest()


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


@dataclass(frozen=True)
class Transactions:
    """Opens transactions on a service's database and stamps what they tell with its name."""

    records: Records
    source: str
    clock: Clock

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again from its start on a write conflict, and commit to a majority.

        A delivery has one transaction: the inbox row in it is what makes its effect happen once.
        """
        delivery = DELIVERY.get()
        if delivery is not None and delivery.done:
            raise RuntimeError(f"{delivery.key}: a second transaction in one delivery could not be made exactly-once")

        async def attempt(session: AsyncClientSession) -> T:
            transaction = Transaction(session, delivery)
            result = await work(transaction)
            await transaction.write(self.records, self.source)
            crash.point("written")
            return result

        with pymongo.timeout(PATIENCE_S):
            async with self.records.database.client.start_session() as session:
                result = await session.with_transaction(
                    attempt, ReadConcern("snapshot"), WriteConcern("majority", j=True)
                )
        if delivery is not None:
            delivery.done = True
        crash.point("committed")
        return result


class _Acting(Protocol):
    @property
    def transactions(self) -> Transactions: ...


S = TypeVar("S", bound=_Acting)
P = ParamSpec("P")
R = TypeVar("R")


def transactional(
    action: Callable[Concatenate[S, Transaction, P], Awaitable[R]],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, R]]:
    """Make an action one transaction of `self.transactions`; it takes the open transaction as its first argument.

    It may run more than once on a write conflict, so it holds no slow work and no effect outside the database.
    """

    @functools.wraps(action)
    async def run(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await self.transactions.run(lambda transaction: action(self, transaction, *args, **kwargs))

    return run
