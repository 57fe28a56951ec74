"""Every hearer's queue, for the broker to have before anybody tells: what a new service would hear is not missed."""

from typing import Any

from chassis.broker import EVENTS, INGRESS, queue_arguments
from contracts.events import Event
from contracts.ingress import Ingress
from deploy.contracts.hearers import hearers

VHOST = "/"


def definitions() -> dict[str, list[dict[str, Any]]]:
    """Exchanges, queues and bindings in RabbitMQ's own definitions format, from what the services' handlers hear."""
    heard = [(service, kind) for service, kinds in hearers().items() for kind in kinds]
    return {
        "exchanges": [_exchange(name) for name in (EVENTS, INGRESS)],
        "queues": [_queue(f"{service}.{kind.topic}") for service, kind in heard],
        "bindings": [_binding(f"{service}.{kind.topic}", kind) for service, kind in heard],
    }


def _exchange(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "vhost": VHOST,
        "type": "topic",
        "durable": True,
        "auto_delete": False,
        "internal": False,
        "arguments": {},
    }


def _queue(name: str) -> dict[str, Any]:
    arguments = {"x-queue-type": "quorum", **queue_arguments(name)}
    return {"name": name, "vhost": VHOST, "durable": True, "auto_delete": False, "arguments": arguments}


def _binding(queue: str, kind: type[Event] | type[Ingress]) -> dict[str, Any]:
    source = INGRESS if issubclass(kind, Ingress) else EVENTS
    return {
        "source": source,
        "vhost": VHOST,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": kind.topic,
        "arguments": {},
    }
