"""The stream over its own protocol, on both brokers: repeats dropped, read from any point, back after a lost line."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chassis.partitions import Partitions
from chassis.rabbitstream import RabbitStream
from chassis.streams import Entry, attributes, body
from deploy.examples.votes_by_hour import count
from deploy.votestream import entries
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import in_stream, vote

MANY = 1200


@pytest.fixture
async def url(rabbit: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> str:
    return vhost(rabbit).stream_url


@pytest.fixture
async def stream(url: str) -> AsyncIterator[RabbitStream]:
    made = RabbitStream(url, "zhumeng.votes")
    yield made
    await made.stop()


def numbered(first: int, last: int) -> list[tuple[int, bytes]]:
    """Votes under rising numbers."""
    return [(n, in_stream(vote(f"b{n}"))) for n in range(first, last + 1)]


async def everything(stream: RabbitStream, offset: int = 0) -> list[Entry]:
    found: list[Entry] = []
    while more := await stream.poll(offset, 0.5):
        found += more
        offset = more[-1].offset + 1
    return found


async def test_votes_appended_twice_are_there_once_in_their_order(stream: RabbitStream) -> None:
    for _ in range(2):
        await stream.append("book", numbered(1, MANY))
    assert (await stream.last("book"), await stream.last("another")) == (MANY, 0)
    found = await everything(stream)
    assert [attributes(entry.message)["ce-id"] for entry in found] == [f"b{n}" for n in range(1, MANY + 1)]
    assert [entry.offset for entry in found] == list(range(MANY))
    assert b'"ballot":"b1"' in body(found[0].message)


async def test_stream_is_read_from_an_offset_the_end_or_a_time(stream: RabbitStream) -> None:
    await stream.append("book", numbered(1, MANY))
    assert [entry.offset for entry in (await everything(stream, MANY - 3))] == [MANY - 3, MANY - 2, MANY - 1]
    assert (await stream.poll("last", 1))[-1].offset == MANY - 1
    assert (await stream.poll(datetime.now(UTC) - timedelta(minutes=1), 1))[0].offset == 0


async def test_stream_made_anew_is_empty_and_takes_the_same_numbers_again(url: str, stream: RabbitStream) -> None:
    await stream.append("book", numbered(1, 5))
    alone = Partitions(url, "zhumeng.votes")
    await alone.make_anew()
    await alone.stop()
    await stream.stop()
    assert (await everything(stream), await stream.last("book")) == ([], 0)
    await stream.append("book", numbered(1, 5))
    assert len(await everything(stream)) == 5


async def test_broker_that_is_away_is_said_so_and_come_back_to(url: str, stream: RabbitStream) -> None:
    away = RabbitStream("rabbitmq-stream://guest:guest@127.0.0.1:1/", "zhumeng.votes")
    with pytest.raises(ConnectionError):
        await away.append("book", numbered(1, 1))
    await stream.append("book", numbered(1, 1))
    await stream.stop()
    await stream.append("book", numbered(2, 2))
    assert len(await everything(stream)) == 2


async def test_reading_ends_where_the_stream_ended_when_it_began(url: str, stream: RabbitStream) -> None:
    await stream.append("book", numbered(1, MANY))
    read, ends = [], set()
    async for _, found, end in entries(url):
        await stream.append("book", numbered(MANY + 1, MANY + 5))
        read += [entry.offset for entry in found]
        ends.add(end)
    assert (read, ends) == (list(range(MANY)), {MANY - 1})


async def test_example_counts_each_vote_once_however_often_it_starts(
    url: str, stream: RabbitStream, tmp_path: Path
) -> None:
    await stream.append("book", numbered(1, 20))
    file = str(tmp_path / "votes.sqlite")
    assert [await count(url, file), await count(url, file)] == [20, 0]
    await stream.append("book", numbered(21, 25))
    assert await count(url, file) == 5
