"""The bus in memory behaves as RabbitMQ does, on both series: every promise of handling, checked on each."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError

from chassis.problems import Refused
from contracts.ingress import HandInBallot
from tests.support.worlds import Counter, InMemory, OnRabbit, World, counter, tell, vote


@pytest.fixture(params=["memory", "rabbit310", "rabbit43"])
async def stage(
    request: pytest.FixtureRequest, mongo_url: str, database_prefix: str
) -> AsyncIterator[tuple[World, Callable[..., Counter]]]:
    """A world, and a maker of services that can join it."""
    async with AsyncExitStack() as stack:
        url = ""
        world: World = InMemory()
        if request.param != "memory":
            url = request.getfixturevalue("vhost")(request.getfixturevalue(request.param)).amqp_url
            world = OnRabbit(url, stack)
        yield world, lambda name, **options: counter(name, mongo_url, database_prefix, url, **options)


Stage = tuple[World, Callable[..., Counter]]


async def test_event_reaches_every_service_that_hears_it_once(stage: Stage) -> None:
    world, make = stage
    first, second = make("first"), make("second")
    await world.join(first.service)
    await world.join(second.service)
    for n in range(20):
        await tell(world, vote(f"b{n}"))
    assert await world.until(lambda: first.has(20))
    assert await world.until(lambda: second.has(20))
    assert await first.counted() == await second.counted() == {f"b{n}": 1 for n in range(20)}


async def test_message_told_twice_has_one_effect(stage: Stage) -> None:
    world, make = stage
    service = make("once")
    await world.join(service.service)
    await tell(world, vote("b"), "same-id")
    await tell(world, vote("b"), "same-id")
    await tell(world, vote("end"))
    assert await world.until(lambda: service.has(2))
    assert await service.counted() == {"b": 1, "end": 1}


async def test_one_at_a_time_keeps_the_order_of_telling(stage: Stage) -> None:
    world, make = stage
    service = make("ordered", at_once=1)
    await world.join(service.service)
    for n in range(30):
        await tell(world, vote(f"b{n}"))
    assert await world.until(lambda: service.handled(30))
    assert service.order == [f"b{n}" for n in range(30)]


async def test_failure_that_passes_is_retried_to_one_effect(stage: Stage) -> None:
    world, make = stage
    service = make("flaky", fails={"b": 2})
    await world.join(service.service)
    await tell(world, vote("b"))
    assert await world.until(lambda: service.has(1))
    assert await service.counted() == {"b": 1}
    assert await service.parked() == []


async def test_poison_parks_after_its_attempts_with_reason_stack_and_history(stage: Stage) -> None:
    world, make = stage
    service = make("poisoned", fails={"b": 99})
    await world.join(service.service)
    await tell(world, vote("b"), "poison")
    await tell(world, vote("good"))
    assert await world.until(lambda: service.has_parked(1))
    [row] = await service.parked()
    assert (row["message"], row["queue"], len(row["failures"])) == ("poison", "poisoned.voting.vote_cast.v1", 2)
    assert row["reason"] == "failed 3 times, last: ValueError('told to fail')"
    assert "told to fail" in row["stack"]
    assert bytes(row["body"]) == _body(row, "b")
    assert await world.until(lambda: service.has(1))
    assert await service.counted() == {"good": 1}


async def test_refusal_parks_at_once(stage: Stage) -> None:
    world, make = stage
    service = make(
        "refusing", fails={"b": 99}, refusal=Refused(404, "unknown_campaign", "没有这个活动。", "No such campaign.")
    )
    await world.join(service.service)
    await tell(world, vote("b"))
    assert await world.until(lambda: service.has_parked(1))
    [row] = await service.parked()
    assert (row["reason"], row["failures"]) == ("unknown_campaign: No such campaign.", [])


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[]", b'{"ballot": 7}'])
async def test_malformed_message_parks_with_the_fault_and_the_sender_named(stage: Stage, body: bytes) -> None:
    world, make = stage
    service = make("strict")
    await world.join(service.service)
    await world.bring("voting.vote_cast.v1", body, "bad")
    await tell(world, vote("neighbour"))
    assert await world.until(lambda: service.has_parked(1))
    assert await world.until(lambda: service.has(1))
    [row] = await service.parked()
    assert row["reason"].startswith(f"malformed, sent by {world.user}: ")
    assert bytes(row["body"]) == body


async def test_event_of_a_newer_minor_shape_is_read(stage: Stage) -> None:
    world, make = stage
    service = make("older")
    await world.join(service.service)
    newer = vote("b").model_dump_json()[:-1] + ', "mood": "glad"}'
    await world.bring("voting.vote_cast.v1", newer.encode(), "newer")
    assert await world.until(lambda: service.has(1))
    assert await service.parked() == []


async def test_ingress_message_is_answered_and_its_repeat_gets_the_same_answer(stage: Stage) -> None:
    world, make = stage
    service = make("asked")
    await world.join(service.service)
    request = HandInBallot.model_validate({"campaign": "c", "entry": "e", "voter": "v"})
    first = await world.hand_in(request, "nonce")
    again = await world.hand_in(request, "nonce")
    assert first["outcome"] == "counted"
    assert again == first
    assert await service.counted() == {"v": 1}


async def test_two_senders_may_number_alike(stage: Stage) -> None:
    world, make = stage
    service = make("numbered")
    await world.join(service.service)
    mine = HandInBallot.model_validate({"campaign": "c", "entry": "e", "voter": "mine"})
    await world.hand_in(mine, "1")
    key = f"numbered.{HandInBallot.topic}:{world.user}:1"
    assert [row["_id"] async for row in service.service.records.inbox.find()] == [key]


async def test_fault_of_the_data_is_no_outage_and_parks(stage: Stage) -> None:
    world, make = stage
    service = make("duplicate", fails={"b": 99}, refusal=DuplicateKeyError("a key the handler trips over"))
    await world.join(service.service)
    await tell(world, vote("b"))
    assert await world.until(lambda: service.has_parked(1))


async def test_outage_of_ours_spends_no_try(stage: Stage) -> None:
    world, make = stage
    service = make("out", fails={"b": 5}, refusal=ConnectionError("the store is away"))
    await world.join(service.service)
    await tell(world, vote("b"))
    assert await world.until(lambda: service.has(1))
    assert await service.parked() == []


def _body(row: dict[str, Any], ballot: str) -> bytes:
    body = bytes(row["body"])
    assert f'"ballot":"{ballot}"'.encode() in body
    return body
