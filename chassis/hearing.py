"""What a service hears, and the one way every message is handled: once, in time, retried, or parked."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import structlog
from pydantic import BaseModel, ValidationError
from pymongo import ReturnDocument
from pymongo.errors import ConnectionFailure, PyMongoError

from chassis import crash, metrics, tracing
from chassis.delivery import DELIVERY, Delivery, Message
from chassis.logs import log
from chassis.mongo import Records
from chassis.origin import ORIGIN, Origin
from chassis.parking import Parking
from chassis.refusal import Refused, Unavailable
from chassis.transaction import AlreadyDone
from contracts.events.event import Event
from contracts.ingress import Ingress

DEATHS_ALLOWED = 4
"""A message whose handling ended its process this often is parked instead of begun again."""

E = TypeVar("E", bound=Event | Ingress)


@dataclass(frozen=True)
class Hearer(Generic[E]):
    """One handler of one topic, with its own time limit and how many messages it may handle at once."""

    service: str
    event: type[E]
    handle: Callable[[E], Awaitable[Any]]
    timeout_s: float
    at_once: int

    @property
    def queue(self) -> str:
        """The quorum queue of this (service, topic): `review.registration.entry_submitted.v1`."""
        return f"{self.service}.{self.event.topic}"


class Hears:
    """The table of what a service reacts to: `@hears(MaterialUploaded)` above a handler."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.hearers: list[Hearer[Any]] = []

    def __call__(
        self, event: type[E], *, timeout_s: float = 30.0, at_once: int = 10
    ) -> Callable[[Callable[[E], Awaitable[Any]]], Callable[[E], Awaitable[Any]]]:
        def register(handle: Callable[[E], Awaitable[Any]]) -> Callable[[E], Awaitable[Any]]:
            self.hearers.append(Hearer(self.service, event, handle, timeout_s, at_once))
            return handle

        return register


@dataclass(frozen=True)
class Done:
    """Handled now, or before; `answer` goes to `reply_to` where the message asked for one."""

    answer: BaseModel | dict[str, Any] | None = None
    repeat: bool = False


@dataclass(frozen=True)
class Again:
    """Failed in a way that may pass: deliver `message` again after `delay_s`."""

    message: Message
    delay_s: float


@dataclass(frozen=True)
class Parked:
    """Gave up; the message waits for a person."""

    reason: str


Outcome = Done | Again | Parked


class Reception:
    """Handles messages for the hearers of one service; a transport only brings them and settles by the outcome."""

    def __init__(self, records: Records, retry_delays: tuple[float, ...]) -> None:
        self._records = records
        self._parking = Parking(records)
        self._delays = retry_delays
        self._outage_delay = retry_delays[min(1, len(retry_delays) - 1)]
        self._suspects = asyncio.Lock()

    async def receive(self, hearer: Hearer[Any], message: Message) -> Outcome:
        """Handle one message to an outcome; never raises but for cancellation."""
        started = time.perf_counter()
        subject = {"event_id": message.id, "topic": message.topic, "subject": message.subject}
        with (
            structlog.contextvars.bound_contextvars(**subject),
            tracing.span(f"hear {hearer.queue}", message.traceparent),
        ):
            crash.point("received")
            try:
                outcome = await self._handle(hearer, message)
            except Exception as error:  # noqa: BLE001 - the store is out of reach: the broker keeps the message
                log().warning("hearing_interrupted", error=repr(error)[:300])
                outcome = Again(message, self._outage_delay)
            structlog.contextvars.unbind_contextvars("campaign")
        metrics.HEARD.labels(hearer.service, message.topic, type(outcome).__name__.lower()).inc()
        metrics.HANDLING.labels(hearer.service, message.topic).observe(time.perf_counter() - started)
        return outcome

    async def _handle(self, hearer: Hearer[Any], message: Message) -> Outcome:
        key = _inbox_key(hearer, message)
        try:
            event = _parsed(hearer, message)
        except ValueError as error:
            return await self._park(
                key, hearer, message, f"malformed, sent by {message.sender or 'an unnamed user'}: {error}"
            )
        if campaign := getattr(event, "campaign", None):
            structlog.contextvars.bind_contextvars(campaign=campaign)
        # Looked up where a repeat is likely or would do what no transaction takes back; others the transaction finds.
        likely = message.redelivered or isinstance(event, Ingress)
        if likely and (known := await self._records.inbox.find_one({"_id": key})):
            return Done(known.get("answer"), repeat=True)
        if not message.redelivered:
            return await self._attempt(key, hearer, message, event)
        async with self._suspects:
            if known := await self._records.inbox.find_one({"_id": key}):  # done while this one waited for its turn
                return Done(known.get("answer"), repeat=True)
            return await self._attempt_suspect(key, hearer, message, event)

    async def _attempt_suspect(self, key: str, hearer: Hearer[Any], message: Message, event: Any) -> Outcome:
        """Handle, alone, a message that came back without having been settled: it may be what ends processes."""
        row = await self._records.attempts.find_one_and_update(
            {"_id": key},
            {"$inc": {"deaths": 1}, "$set": {"at": datetime.now(UTC)}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        try:
            if row is not None and row["deaths"] >= DEATHS_ALLOWED:
                return await self._park(key, hearer, message, f"its handling ended the process {DEATHS_ALLOWED} times")
            return await self._attempt(key, hearer, message, event)
        finally:  # whatever gets here, a stop of the process in good order too, did not end the process
            await self._records.attempts.delete_one({"_id": key})

    async def _attempt(self, key: str, hearer: Hearer[Any], message: Message, event: Any) -> Outcome:
        delivery = Delivery(key, message)
        held, acting = DELIVERY.set(delivery), ORIGIN.set(Origin(message.id, "event"))
        crash.point("begun")
        try:
            async with asyncio.timeout(hearer.timeout_s):
                await hearer.handle(event)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises may pass; attempts are counted
            # It may have failed on its own effect: the same message, handled by another consumer meanwhile.
            known = await self._records.inbox.find_one({"_id": key})
            if known or isinstance(error, AlreadyDone):
                return Done(known and known.get("answer"), repeat=True)
            return await self._failed(key, hearer, message, error)
        finally:
            DELIVERY.reset(held)
            ORIGIN.reset(acting)
        return Done(delivery.answer)

    async def _failed(self, key: str, hearer: Hearer[Any], message: Message, error: Exception) -> Outcome:
        if isinstance(error, Refused):
            return await self._park(key, hearer, message, str(error), traceback.format_exc())
        tries, outage = len(message.failures), is_outage(error)
        if tries >= len(self._delays) and not outage:
            return await self._park(
                key, hearer, message, f"failed {tries + 1} times, last: {error!r}", traceback.format_exc()
            )
        log().warning("will_retry", tries=tries + 1, error=repr(error)[:300], exc_info=not outage)
        if outage:  # a fault of ours spends none of the message's tries
            return Again(message, self._outage_delay)
        failure = f"{datetime.now(UTC).isoformat()} {error!r}"[:500]
        return Again(replace(message, failures=(*message.failures, failure)), self._delays[tries])

    async def _park(self, key: str, hearer: Hearer[Any], message: Message, reason: str, stack: str = "") -> Parked:
        await self._parking.park(key, hearer.queue, message, reason, stack)
        log().error("parked", queue=hearer.queue, reason=reason[:500])
        return Parked(reason)


def _inbox_key(hearer: Hearer[Any], message: Message) -> str:
    """Names one hearer's handling of one message; frontends number theirs themselves, each for itself."""
    sender = f"{message.sender}:" if issubclass(hearer.event, Ingress) else ""
    return f"{hearer.queue}:{sender}{message.id}"


def is_outage(error: Exception) -> bool:
    """Whether a part of ours was out of reach, rather than the message at fault."""
    if isinstance(error, PyMongoError):
        passing = error.has_error_label("TransientTransactionError") or error.has_error_label("RetryableWriteError")
        return passing or error.timeout or isinstance(error, ConnectionFailure)
    return isinstance(error, ConnectionError | Unavailable)


def _parsed(hearer: Hearer[Any], message: Message) -> Any:
    """The typed event; ValueError says what does not fit, without repeating anybody's data."""
    try:
        return hearer.event.model_validate_json(message.body)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise ValueError(faults) from None
