"""P6 and P4 for one process: while the broker or the database is out of reach every request ends in time, accepted or
refused; readiness says so; when the line is back it goes on by itself, and what was accepted is all there, once."""

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import pytest

from chassis.ids import new_id
from tests.chaos.lane import Ground, Lane, lane, until
from tests.chaos.scenarios import votable
from tests.support.kinds import Rabbit, Vhost
from tests.support.native import Native
from tests.support.proxy import Line, State, line

Alarm = Callable[[str], Awaitable[None]]
PROMISED_S = 10.0
RECOVERED_S = 30.0


@dataclass(frozen=True)
class Lines:
    """The lines to a server that speaks two protocols."""

    lines: tuple[Line, ...]

    async def become(self, state: State) -> None:
        for each in self.lines:
            await each.become(state)

    def cut(self) -> None:
        for each in self.lines:
            each.cut()


@dataclass
class Booth:
    """The process that takes ballots in, behind lines to its servers."""

    lane: Lane
    broker: "Lines"
    database: Line
    entry: str
    accepted: set[str] = field(default_factory=set)
    """Ballots that were answered with yes."""
    slowest_s: float = 0.0

    async def vote(self) -> tuple[int, str]:
        """Hand a ballot in; the status and type of the answer."""
        body = {"campaign": "cloud-studio-2023", "entry": self.entry, "voter": f"douyin:{new_id()}"}
        started = time.monotonic()
        answer = await self.lane.ask("POST", "/v1/votes", self.lane.token("frontend"), json=body)
        self.slowest_s = max(self.slowest_s, time.monotonic() - started)
        assert answer is not None
        if answer.status_code == 200:
            self.accepted.add(answer.json()["ballot"])
        return answer.status_code, answer.headers["content-type"]

    async def red(self) -> bool:
        """Whether readiness says that something is not well."""
        return not await self.lane.ready()

    async def works_again(self) -> bool:
        """Whether it is ready and takes ballots."""
        return await self.lane.ready() and (await self.vote())[0] == 200

    async def nothing_is_lost(self) -> None:
        """Every ballot that was accepted is kept and was told; none was told that is not kept."""
        await self.lane.settle()
        kept = {row["ballot"] async for row in self.lane.service.database.ballots.find({}, {"ballot": 1})}
        assert self.accepted <= kept
        assert self.lane.votes == Counter(dict.fromkeys(kept, 1))
        assert await self.lane.strangers() == set()


@pytest.fixture
async def booth(
    told: dict[str, Any],
    vhost: Callable[[Rabbit], Vhost],
    rabbit310: Rabbit,
    database_prefix: str,
    tmp_path: Path,
) -> AsyncIterator[Booth]:
    own = vhost(rabbit310)
    amqp_url = own.amqp_url
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(_line_to(amqp_url))
        stream = await stack.enter_async_context(_line_to(own.stream_url))
        database = await stack.enter_async_context(_line_to(told["mongo_url"]))
        through = {
            "amqp_url": _moved(amqp_url, broker.port),
            "stream_url": _moved(own.stream_url, stream.port),
            "mongo_url": f"mongodb://127.0.0.1:{database.port}/?directConnection=true",
        }
        ground = Ground(amqp_url, own.stream_url, {**told, "mongo_prefix": database_prefix}, tmp_path, through)
        opened = await stack.enter_async_context(lane("voting-api", ground))
        entry = await votable(opened)
        await opened.settle()
        yield Booth(opened, Lines((broker, stream)), database, entry)


@pytest.mark.parametrize("state", ["silent", "refused"])
async def test_ballots_are_accepted_without_a_broker_and_told_when_it_is_back(booth: Booth, state: State) -> None:
    assert await booth.works_again()
    await booth.broker.become(state)
    assert [await booth.vote() for _ in range(5)] == [(200, "application/json")] * 5
    assert booth.slowest_s < PROMISED_S
    assert await until(booth.red, PROMISED_S)
    booth.broker.cut()
    await booth.broker.become("open")
    assert await until(booth.works_again, RECOVERED_S)
    await booth.nothing_is_lost()


async def test_partition_from_the_broker_that_heals_loses_nothing(booth: Booth) -> None:
    await booth.broker.become("silent")
    assert [await booth.vote() for _ in range(5)] == [(200, "application/json")] * 5
    assert await until(booth.red, PROMISED_S)
    await booth.broker.become("open")
    assert await until(booth.works_again, RECOVERED_S)
    await booth.nothing_is_lost()


@pytest.mark.parametrize("state", ["silent", "refused"])
async def test_ballots_are_refused_in_time_without_a_database_and_taken_when_it_is_back(
    booth: Booth, state: State
) -> None:
    assert await booth.works_again()
    await booth.database.become(state)
    assert await booth.vote() == (503, "application/problem+json")
    assert booth.slowest_s < PROMISED_S
    assert await until(booth.red, PROMISED_S)
    booth.database.cut()
    await booth.database.become("open")
    assert await until(booth.works_again, RECOVERED_S)
    await booth.nothing_is_lost()


async def test_ballots_are_accepted_while_the_broker_is_short_of_memory(booth: Booth, short_of_memory: Alarm) -> None:
    await short_of_memory("0.000001")
    assert [await booth.vote() for _ in range(5)] == [(200, "application/json")] * 5
    assert booth.slowest_s < PROMISED_S
    waiting = await booth.lane.service.records.outbox.count_documents({"waiting": True})
    await short_of_memory("0.4")
    await booth.nothing_is_lost()
    assert waiting >= 5  # what the broker would not take was kept, or there was no alarm


@pytest.mark.parametrize(("part", "name"), [("database", "mongodb"), ("broker", "rabbitmq")])
async def test_process_whose_server_is_down_at_start_waits_for_it_and_says_so(
    booth: Booth, part: Literal["database", "broker"], name: str
) -> None:
    server: Line = getattr(booth, part)
    booth.lane.alive.kill()
    await server.become("refused")
    starting = asyncio.create_task(booth.lane.restart())
    assert await until(lambda: booth.lane.says(f"waiting for {name}"), PROMISED_S)
    await server.become("open")
    await starting
    assert (await booth.vote())[0] == 200
    await booth.nothing_is_lost()


@pytest.fixture
async def short_of_memory(rabbit310: Rabbit, native: Native) -> AsyncIterator[Alarm]:
    """Set the share of memory the broker may use: next to none raises its alarm, and it takes nothing more."""
    if "ZM_TEST_AMQP310_URL" in os.environ or os.environ.get("ZM_TEST_ENGINE") == "docker":
        pytest.skip("the memory alarm is raised with rabbitmqctl, on a broker this session started itself")

    async def allow(share: str) -> None:
        await asyncio.to_thread(native.control_rabbit, "set_vm_memory_high_watermark", share)

    yield allow
    await allow("0.4")


def _line_to(url: str) -> Any:
    parts = urlsplit(url)
    return line(str(parts.hostname), parts.port or 0)


def _moved(url: str, port: int) -> str:
    """The address with another port."""
    parts = urlsplit(url)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return urlunsplit(parts._replace(netloc=f"{login}127.0.0.1:{port}"))
