"""Events come twice, late and in any order, and the queue ends up the same."""

import asyncio
from datetime import timedelta
from itertools import permutations
from typing import Any

from chassis.delivery import Message
from chassis.hearing import Done
from contracts.events.event import Event
from tests.service.review.conftest import World
from tests.service.review.events import AT, closed, material, registered, submitted, validated

LATER = AT + timedelta(days=1)
EVENTS: tuple[Event, ...] = (
    submitted(materials=(material("material-of-entry-1", "unchecked"),)),
    submitted(attempt=2, received_at=LATER, title="改好的作品", materials=(material("material-2", "unchecked"),)),
    validated(verdict="fail"),
    validated(material="material-2", verdict="pass"),
)


async def shown(world: World) -> dict[str, Any]:
    page: dict[str, Any] = (await world.get("gansu", "/v1/entries/entry-1")).json()
    return page


async def test_entry_converges_in_any_order(world: World) -> None:
    for order in permutations(range(4)):
        entry = "entry-" + "".join(map(str, order))
        await world.hear(*(EVENTS[each].model_copy(update={"entry": entry}) for each in order))
        page = (await world.get("gansu", f"/v1/entries/{entry}")).json()
        assert (page["attempt"], page["title"], page["verdict"]) == (2, "改好的作品", "pass")
        assert page["materials"][0]["checked_at"] is not None


async def test_check_before_entry_is_not_in_the_queue(world: World) -> None:
    await world.hear(validated())
    assert (await world.get("gansu", "/v1/queue", kind="entry")).json()["total"] == 0
    assert (await world.get("national", "/v1/entries/entry-1")).status_code == 404
    assert (await world.get("national", "/v1/summary")).json()["entries"]["waiting"] == 0


async def test_older_check_of_the_same_material_is_ignored(world: World) -> None:
    await world.hear(submitted(), validated(at=LATER), validated(verdict="fail"))
    assert (await shown(world))["verdict"] == "pass"


async def test_check_after_approval_leaves_the_decision(world: World) -> None:
    await world.hear(submitted())
    await world.post("gansu", "/v1/entries/entry-1/approve")
    await world.hear(validated(verdict="fail"))
    page = await shown(world)
    assert (page["state"], page["verdict"]) == ("approved", "fail")


async def test_studio_attempt_two_before_one(world: World) -> None:
    await world.hear(registered(attempt=2, name="新名字"), registered(attempt=1, name="旧名字"))
    studio = (await world.get("gansu", "/v1/studios/studio-1")).json()
    assert (studio["attempt"], studio["name"], studio["state"]) == (2, "新名字", "waiting")


async def test_late_repeat_does_not_reopen_a_decision(world: World) -> None:
    await world.hear(registered())
    await world.post("gansu", "/v1/studios/studio-1/approve")
    await world.hear(registered())
    assert (await world.get("gansu", "/v1/studios/studio-1")).json()["state"] == "approved"


async def test_entry_and_check_at_the_same_moment_both_count(world: World) -> None:
    hearers = {hearer.event: hearer for hearer in world.service.hears.hearers}
    for number in range(10):
        entry = f"entry-{number}"
        events: tuple[Event, ...] = (
            submitted(entry, materials=(material(f"material-of-{entry}", "unchecked"),)),
            validated(entry),
        )
        messages = [
            Message(f"{entry}-{event.topic}", event.topic, event.model_dump_json().encode()) for event in events
        ]
        receive = world.service.reception.receive
        calls = (receive(hearers[type(event)], message) for event, message in zip(events, messages, strict=True))
        assert await asyncio.gather(*calls) == [Done(), Done()]
    lines = (await world.get("gansu", "/v1/queue", kind="entry")).json()["items"]
    assert [line["verdict"] for line in lines] == ["pass"] * 10


async def test_unknown_campaign_is_parked_and_neighbours_are_heard(world: World) -> None:
    await world.hear(submitted(campaign="no-such-campaign"), closed({}, campaign="no-such-campaign"))
    await world.hear(submitted("entry-2"))
    assert [reason.split(":")[0] for reason in await world.parked()] == ["campaign_not_found"] * 2
    assert (await world.get("gansu", "/v1/queue", kind="entry")).json()["total"] == 1
