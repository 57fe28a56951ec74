"""A broker in memory: the same relay, inbox, retries and parking, without waiting and without RabbitMQ."""

from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from chassis.delivery import Message
from chassis.hearing import Again, Done, Hearer
from chassis.ids import new_id
from chassis.relay import Relay
from chassis.service import Service
from chassis.streams import attributes, body
from chassis.testing.stream import MemoryStream
from contracts.events.event import CATALOGUE, Event
from contracts.ingress import Ingress

E = TypeVar("E", bound=Event)


@dataclass(frozen=True)
class _Held:
    service: Service
    hearer: Hearer[Any]
    message: Message


class MemoryBus:
    """Carries messages between joined services; `copies=2` delivers each of them twice.

    Every delay is over at once, so a failing handler is tried until it succeeds or its message is parked.
    """

    def __init__(self, copies: int = 1) -> None:
        self._copies = copies
        self._services: list[Service] = []
        self._queue: deque[_Held] = deque()
        self._answers: dict[str, Any] = {}
        self.told: list[Event] = []
        """Every event published, by joined services and by the test, in order."""
        self.messages: list[Message] = []
        """The same as messages, with their metadata."""
        self.stream = MemoryStream(self._note)
        """What services that have a stream append to and read."""

    async def join(self, service: Service) -> Service:
        """Let a service hear and tell here; its collections and indexes are created."""
        await service.ready_database()
        if service.stream is not None:
            service.stream = self.stream
        self._services.append(service)
        return service

    async def publish(self, message: Message) -> None:
        """Deliver to every hearer of the topic: the relay's publisher."""
        event = CATALOGUE[message.topic].model_validate_json(message.body)
        self.told.append(event)
        self.messages.append(message)
        self._route(message)

    async def tell(self, event: Event, event_id: str | None = None) -> None:
        """Tell an event as if another service had; it is delivered by `settle`."""
        await self.publish(
            Message(
                event_id or new_id(),
                event.topic,
                event.model_dump_json().encode(),
                event.subject,
                "test",
                datetime.now(UTC),
            )
        )

    async def deliver(self, message: Message) -> None:
        """Deliver any message, well-formed or not, and settle."""
        self._route(message)
        await self.settle()

    async def hand_in(self, request: Ingress, sender: str | None, message_id: str | None = None) -> Any:
        """Publish to ingress as a frontend and return the answer."""
        key = message_id or new_id()
        self._route(Message(key, request.topic, request.model_dump_json().encode(), sender=sender, reply_to=key))
        await self.settle()
        return self._answers.get(key)

    async def settle(self) -> None:
        """Relay every outbox, deliver every message and run every round, until nothing moves."""
        relays = [Relay(service.records, self) for service in self._services]
        while True:
            for relay in relays:
                while await relay.drain():
                    pass
            if not self._queue:
                if not any([await one() for service in self._services for one in service.rounds]):
                    return
                continue
            held = self._queue.popleft()
            await self._deliver(held)

    def told_of(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.told if isinstance(event, kind)]

    def _note(self, message: bytes) -> None:
        self.told.append(CATALOGUE[attributes(message)["ce-type"]].model_validate_json(body(message)))

    def _route(self, message: Message) -> None:
        for service in self._services:
            for hearer in service.hears.hearers:
                if hearer.event.topic == message.topic:
                    self._queue.extend([_Held(service, hearer, message)] * self._copies)

    async def _deliver(self, held: _Held) -> None:
        match await held.service.reception.receive(held.hearer, held.message):
            case Again(message):
                self._queue.append(replace(held, message=message))
            case Done(answer) if held.message.reply_to is not None and answer is not None:
                self._answers[held.message.reply_to] = answer
