"""The vote stream in partitions as those read it who know no more of it than the documentation says."""

import asyncio
import contextlib
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from chassis.partitions import Partitions
from deploy.local.rabbitmq import PERMISSIONS
from deploy.votestream import NAME
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import in_stream, vote

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"
NAMES = [NAME, f"{NAME}-1", f"{NAME}-2"]
WITHIN_S = 20


@pytest.fixture
def own(rabbit43: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> Vhost:
    return vhost(rabbit43)


@pytest.fixture
async def stream(own: Vhost) -> AsyncIterator[Partitions]:
    made = Partitions(own.stream_url, NAME, own.amqp_url, len(NAMES))
    assert list(await made.parts()) == NAMES
    yield made
    await made.stop()


async def append(stream: Partitions, partition: str, first: int, last: int) -> None:
    """Votes of a book."""
    numbered = [(n, in_stream(vote(f"{partition}/{n}"))) for n in range(first, last + 1)]
    await (await stream.part(partition)).append(f"book of {partition}", numbered)


@contextlib.asynccontextmanager
async def running(*words: str) -> AsyncGenerator[Process]:
    """Python, until its output was read."""
    told = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE, env=told)
    try:
        async with asyncio.timeout(WITHIN_S):
            yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def lines(process: Process, many: int) -> list[str]:
    assert process.stdout is not None
    return [(await process.stdout.readline()).decode().strip() for _ in range(many)]


async def test_tail_that_follows_gives_the_votes_of_every_partition_once_as_they_come(
    own: Vhost, stream: Partitions
) -> None:
    for name in NAMES[:2]:
        await append(stream, name, 1, 5)
    arguments = ("-m", "deploy.cli", "votes", "tail", "--from", "first", "--follow", "--stream", own.stream_url)
    async with running(*arguments) as tail:
        before = [json.loads(line) for line in await lines(tail, 10)]
        for name in NAMES:
            await append(stream, name, 6, 8)
        after = [json.loads(line) for line in await lines(tail, 9)]
    for name in NAMES:
        mine = [(each["offset"], each["ballot"]) for each in (*before, *after) if each.get("partition", NAME) == name]
        numbers = [*(range(1, 6) if name != NAMES[2] else ()), 6, 7, 8]
        assert mine == [(offset, f"{name}/{n}") for offset, n in enumerate(numbers)]
    assert {each.get("partition", NAME) for each in before} == {*NAMES[:2]}


def client(own: Vhost, user: str, block: int) -> str:
    """A client the page shows, pointed at a server of the test's."""
    code = str(re.findall(r"```python\n(import asyncio, json\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL)[block])
    port, password = str(own.rabbit.stream_port), f'"secret", vhost="{own.name}"'
    for word, value in {"STREAM_PORT": port, "PASSWORD": password, '"analytics"': user}.items():
        assert word in code
        code = code.replace(word, value)
    return code


@pytest.fixture
def analytics(own: Vhost) -> Iterator[str]:
    """A user with the rights of `analytics`, as it is written in Python."""
    user = f"analytics-{own.name}"
    with own.rabbit.management() as web:
        web.put(f"/api/users/{quote(user)}", json={"password": "secret", "tags": ""}).raise_for_status()
        web.put(f"/api/permissions/{own.name}/{quote(user)}", json=PERMISSIONS["analytics"]).raise_for_status()
        yield f'"{user}"'
        web.delete(f"/api/users/{quote(user)}").raise_for_status()


async def test_client_of_the_page_reads_a_stream_that_is_alone(own: Vhost, analytics: str) -> None:
    alone = Partitions(own.stream_url, NAME, own.amqp_url, 1)
    await append(alone, NAME, 1, 5)
    await alone.stop()
    async with running("-c", client(own, analytics, 0)) as reading:
        assert await lines(reading, 5) == [f"{n} e" for n in range(5)]


async def test_client_of_the_page_reads_every_partition_as_analytics(
    own: Vhost, stream: Partitions, analytics: str
) -> None:
    for name in NAMES:
        await append(stream, name, 1, 5)
    async with running("-c", client(own, analytics, 1)) as reading:
        read = await lines(reading, 15)
        await append(stream, NAMES[1], 6, 6)
        assert await lines(reading, 1) == [f"{NAMES[1]} 5 e"]
    assert sorted(read) == [f"{name} {n} e" for name in NAMES for n in range(5)]
