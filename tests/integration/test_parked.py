"""`zhumeng parked` against real parked messages: seen, replayed to their effect, discarded with a reason."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from typer.testing import CliRunner, Result

from chassis.service import Service
from chassis.settings import ServiceSettings
from deploy.commands import parked
from deploy.processes import SERVICES
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import Counter, OnRabbit, tell, vote


class _Addresses:
    """What the command reads of a running stack."""

    def __init__(self, mongo_url: str, amqp_url: str) -> None:
        self.mongo_url = mongo_url
        self.amqp_urls = dict.fromkeys(SERVICES, amqp_url)


@pytest.fixture
async def voting(
    rabbit310: Rabbit,
    vhost: Callable[[Rabbit], Vhost],
    mongo_url: str,
    database_prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[tuple[Counter, OnRabbit]]:
    """A service under the name of one of ours, that fails on ballot b1 until told otherwise."""
    url = vhost(rabbit310).amqp_url
    settings = ServiceSettings(
        env="test", mongo_url=mongo_url, mongo_prefix=database_prefix, amqp_url=url, retry_delays=(0.05,)
    )
    counter = Counter(Service("voting", settings), fails={"b1": 99})
    addresses = _Addresses(mongo_url, url)
    monkeypatch.setattr(parked, "_addresses", lambda: addresses)
    monkeypatch.setattr(parked, "MONGO_PREFIX", database_prefix)
    async with AsyncExitStack() as stack:
        world = OnRabbit(url, stack)
        await world.join(counter.service)
        await tell(world, vote("b1"), "0198-parked")
        assert await world.until(lambda: counter.has_parked(1))
        yield counter, world


async def test_parked_message_is_listed_shown_replayed_and_has_its_effect(voting: tuple[Counter, OnRabbit]) -> None:
    counter, world = voting
    listed = await _run("list", "--json")
    assert (listed.exit_code, json.loads(listed.stdout)["message"]) == (1, "0198-parked")
    shown = await _run("show", "0198-parked")
    assert "told to fail" in shown.stdout
    assert '"ballot":"b1"' in shown.stdout
    counter.fails.clear()
    assert (await _run("replay", "0198-parked", "--why", "mended")).exit_code == 0
    assert await world.until(lambda: counter.has(1))
    assert await counter.counted() == {"b1": 1}
    assert (await _run("list")).exit_code == 0


async def test_discarded_message_stays_on_record_with_the_reason(voting: tuple[Counter, OnRabbit]) -> None:
    counter, _ = voting
    assert (await _run("discard", "0198-parked", "--why", "a test message")).exit_code == 0
    assert (await _run("list")).exit_code == 0
    [row] = await counter.parked()
    assert (row["settled"]["how"], row["settled"]["why"]) == ("discarded", "a test message")
    assert bytes(row["body"]).startswith(b"{")


async def test_replayed_message_that_fails_again_waits_again(voting: tuple[Counter, OnRabbit]) -> None:
    counter, world = voting
    assert (await _run("replay", "--all")).exit_code == 0
    assert await world.until(lambda: _waits(counter))


async def _waits(counter: Counter) -> bool:
    [row] = await counter.parked()
    return "settled" not in row


async def _run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, parked.app, list(arguments))
