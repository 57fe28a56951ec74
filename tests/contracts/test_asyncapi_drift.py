"""What FastStream says of the consumers it was really given is what our own AsyncAPI document says of them."""

import json
from typing import Any, cast

import pytest
from faststream.specification.asyncapi import AsyncAPI

from chassis.broker import RabbitPublisher
from chassis.hearing import Hears, Reception
from chassis.subscriptions import Subscriptions
from deploy.contracts.asyncapi import document
from deploy.contracts.hearers import hearers

HEARD = hearers()
OURS: dict[str, Any] = document(HEARD)["channels"]
NOBODY = cast("Reception", None), cast("RabbitPublisher", None)
"""A broker that is only described needs neither a reception nor a publisher."""


def said_by_faststream(service: str) -> dict[str, Any]:
    """FastStream's own AsyncAPI document of one service's consumers."""
    hears = Hears(service)
    for kind in HEARD[service]:
        hears(kind)(_ignore)
    broker = Subscriptions("amqp://guest@127.0.0.1/", hears, *NOBODY).broker()
    said: dict[str, Any] = json.loads(AsyncAPI(broker).to_specification().to_json())
    return said


async def _ignore(event: Any) -> None: ...


@pytest.mark.parametrize("service", sorted(HEARD))
def test_consumers_are_those_of_the_document(service: str) -> None:
    consumers = [channel["bindings"]["amqp"] for channel in said_by_faststream(service)["channels"].values()]
    ours = [OURS[f"{service}.{kind.topic}"]["bindings"]["amqp"] for kind in HEARD[service]]
    assert by_queue(consumers) == by_queue(ours)


@pytest.mark.parametrize("service", sorted(HEARD))
def test_queues_are_bound_where_the_document_routes_the_message(service: str) -> None:
    operations = said_by_faststream(service)["operations"].values()
    bound = [(name.split(":")[-2], key) for name, key in map(_bound, operations)]
    ours = [(OURS[kind.topic]["bindings"]["amqp"]["exchange"]["name"], kind.topic) for kind in HEARD[service]]
    assert sorted(bound) == sorted(ours)


def by_queue(bindings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(bindings, key=lambda binding: str(binding["queue"]["name"]))


def _bound(operation: dict[str, Any]) -> tuple[str, str]:
    """The channel FastStream names "queue:exchange:function", and the one routing key of its binding."""
    [key] = operation["bindings"]["amqp"]["cc"]
    return operation["channel"]["$ref"], key
