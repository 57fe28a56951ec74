"""The vote stream in partitions: each ballot is in exactly one of them once, whoever dies and however many they are."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis import partitions
from chassis.identity import Caller
from chassis.partitions import CannotPartition, Partitions
from chassis.service import PartAway, Service
from chassis.testing import SetClock
from contracts.events.review import EntrySubject
from contracts.ids import AccountId
from contracts.rulebook import dump
from deploy.commands.votes import rebuilt
from deploy.examples.votes_by_hour import count
from deploy.votestream import NAME, numbered_votes
from services.voting import rules
from services.voting.app import build_api, build_tally, ruling, taking, tallying
from services.voting.models import Ballot, BallotIn
from services.voting.rulings.models import Asked
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.store import Shelf
from tests.service.voting.holding import SIGNALS
from tests.service.voting.world import BOOK, approved, somebody
from tests.support.kinds import Rabbit, Vhost

NAMES = [NAME, f"{NAME}-1", f"{NAME}-2"]
EPOCH = datetime.fromtimestamp(0, UTC)
CLOCK = SetClock(datetime(2023, 9, 10, 4, tzinfo=UTC))
ENTRY = approved("bridge")


class Api:
    """A process that takes ballots in, under a number of partitions."""

    def __init__(self, settings: Settings) -> None:
        self.service = build_api(settings, CLOCK)
        self.voting = taking(self.service, settings)
        self.book, self.rulings = self.voting.box.book, ruling(self.service, self.voting)
        self.shelf = Shelf(self.service.database)

    async def start(self) -> None:
        await self.service.ready_database()
        await self.rulings.store.prepare()
        assert isinstance(ENTRY.about, EntrySubject)
        await self.voting.admit(ENTRY, ENTRY.about)

    async def cast(self, first: int, last: int, device: str | None = None) -> None:
        """Ballots of one voter each."""
        handed = [BallotIn(BOOK.id, "bridge", somebody(n), device=device) for n in range(first, last + 1)]
        await self.voting.hand_in("douyin", handed, CLOCK.now())

    async def carried(self) -> None:
        while await self.book.brought_on():
            pass

    async def die_over(self, first: int, last: int) -> str:
        """Keep ballots and die before any of them is told; the book they are owed by."""
        name = self.book._name

        async def never(ballots: Sequence[Ballot]) -> None: ...

        self.book.entered = never  # type: ignore[method-assign] # the process is dead
        await self.cast(first, last)
        await self.service.database["books"].update_one({"_id": name}, {"$set": {"until": EPOCH}})
        return name

    async def settle(self) -> None:
        assert self.service.stream is not None
        while await books.settle_owed(self.shelf, self.service.stream):
            pass

    async def rule(self, name: str, **asked: Any) -> None:
        """Decide on ballots, wholly."""
        told = Asked.model_validate({"reason": "经核查", **asked})
        await self.rulings.rule(Caller(account=AccountId("admin"), role="national"), BOOK.id, name, told)
        while await self.rulings.carry_on():
            pass

    async def tell_counted(self) -> None:
        """Bring held ballots that count by now into the stream."""
        while await self.rulings.tell_counted():
            pass

    async def partitions(self) -> dict[str, str]:
        """What each book was given."""
        return {row["_id"]: row.get("partition", "") async for row in self.service.database["books"].find()}


Start = Callable[[int], Awaitable[Api]]


@pytest.fixture
def own(rabbit43: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> Vhost:
    return vhost(rabbit43)


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The campaign with a signal that the third ballot of a device trips."""
    assert BOOK.voting is not None
    of_device = SIGNALS.model_copy(update={"rules": SIGNALS.rules[:1]})
    watched = {"voting": BOOK.voting.model_copy(update={"signals": of_device})}
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / f"{BOOK.id}.yaml").write_text(dump(BOOK.model_copy(update=watched)))
    return folder


@pytest.fixture
def settings(
    own: Vhost, mongo_url: str, database_prefix: str, tmp_path: Path, rulebooks: Path
) -> Callable[[int], Settings]:
    key = tmp_path / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return lambda partitions: Settings(
        env="test", mongo_url=mongo_url, mongo_prefix=database_prefix, amqp_url=own.amqp_url,
        stream_url=own.stream_url, signing_key_file=key, vote_partitions=partitions, rulebooks=rulebooks,
    )  # fmt: skip


@pytest.fixture
async def start(settings: Callable[[int], Settings]) -> AsyncIterator[Start]:
    """Start a process that takes ballots in."""
    started: list[Api] = []

    async def begin(partitions: int) -> Api:
        api = Api(settings(partitions))
        started.append(api)
        await api.start()
        return api

    yield begin
    for api in started:
        assert api.service.stream is not None
        await api.service.stream.stop()
        await api.service.client.close()


async def lying(url: str) -> tuple[Counter[str], dict[str, set[str]]]:
    """How often each ballot is in the stream, and in which partitions those of each book are."""
    ballots, where = Counter[str](), defaultdict[str, set[str]](set)
    async for partition, _, vote in numbered_votes(url):
        ballots[vote.ballot] += 1
        where[rules.book_of(vote.ballot)].add(partition)
    return ballots, dict(where)


async def counted(settings: Settings, votes: int) -> int:
    """What a tally that starts now makes of the stream."""
    return await read_by(build_tally(settings, CLOCK), settings, votes)


async def read_by(service: Service, settings: Settings, votes: int) -> int:
    """The tally's votes once it has read as many, and no more after that."""
    counting = tallying(service, settings)
    async with asyncio.timeout(20):
        while (await counting.store.live(BOOK.id)).votes < votes:
            await counting.count()
    await counting.count()
    assert service.stream is not None
    await service.stream.stop()
    live = await counting.store.live(BOOK.id)
    assert live == await counting.store.recount(BOOK.id)
    await service.client.close()
    return live.votes


async def test_every_ballot_is_in_the_partition_of_its_book_once_also_of_a_process_that_died(
    start: Start, settings: Callable[[int], Settings], own: Vhost, tmp_path: Path
) -> None:
    apis = [await start(3) for _ in range(4)]
    for n, api in enumerate(apis):
        await api.cast(100 * n, 100 * n + 49)
        await api.carried()
    owed = await apis[1].die_over(150, 159)
    given = await apis[0].partitions()
    assert sorted(Counter(given.values()).items()) == [(NAME, 2), (f"{NAME}-1", 1), (f"{NAME}-2", 1)]
    await apis[2].settle()
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values())) == (210, {1})
    assert where == {book: {partition} for book, partition in given.items()}
    assert given[owed] == f"{NAME}-1"
    assert await counted(settings(3), 210) == 210
    file = str(tmp_path / "votes.sqlite")
    assert [await count(own.stream_url, file), await count(own.stream_url, file)] == [210, 0]
    await apis[0].cast(50, 54)
    await apis[0].carried()
    assert (await count(own.stream_url, file), await counted(settings(3), 215)) == (5, 215)


@pytest.mark.parametrize(("before", "after"), [(2, 3), (1, 3)])
async def test_partitions_that_are_added_lose_and_double_nothing_of_an_old_book(
    before: int, after: int, start: Start, settings: Callable[[int], Settings], own: Vhost
) -> None:
    old = await start(before)
    await old.cast(0, 29)
    await old.carried()
    assert await counted(settings(before), 30) == 30
    owed = await old.die_over(30, 39)
    newer = [await start(after) for _ in range(3)]
    assert newer[0].service.stream is not None
    assert await newer[0].service.stream.parts() == NAMES
    for n, api in enumerate(newer, 1):
        await api.cast(100 * n, 100 * n + 9)
        await api.carried()
    await newer[0].settle()
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values())) == (70, {1})
    assert (where.pop(owed), len(where)) == ({NAME}, 3)
    assert sorted(partition for each in where.values() for partition in each) == NAMES
    assert await counted(settings(after), 70) == 70


@pytest.mark.parametrize(("one", "other"), [(1, 3), (2, 3)])
async def test_processes_told_different_numbers_on_an_empty_broker_leave_no_vote_unread(
    one: int, other: int, start: Start, settings: Callable[[int], Settings], own: Vhost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was told the smaller number looked before there was anything, as did the tally."""
    monkeypatch.setattr(partitions, "LOOK_AGAIN_S", 0.2)
    tally = build_tally(settings(one), CLOCK)
    few = await start(one)
    for service in (few.service, tally):
        assert service.stream is not None
        assert list(await service.stream.parts()) == NAMES[:one]
    many = [await start(other) for _ in range(3)]
    for n, api in enumerate((few, *many)):
        await api.cast(100 * n, 100 * n + 9)
        await api.carried()
    assert await read_by(tally, settings(one), 40) == 40
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values()), set.union(*where.values())) == (40, {1}, {*NAMES})


async def test_fewer_partitions_are_refused_until_the_stream_is_made_anew(
    start: Start, settings: Callable[[int], Settings], own: Vhost
) -> None:
    api = await start(3)
    await api.cast(0, 9)
    await api.carried()
    assert await counted(settings(3), 10) == 10
    with pytest.raises(PartAway, match="has 3 partitions, and 2 were asked for"):
        await start(2)
    alone = Partitions(own.stream_url, NAME, own.amqp_url, 1)
    with pytest.raises(CannotPartition, match="has 3 partitions, and 1 were asked for"):
        await alone.part()
    await api.book.close()
    assert await rebuilt(str(settings(1).mongo_url), api.service.database.name, alone)
    assert await alone.parts() == (NAME,)
    assert await counted(settings(1), 10) == 10
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values()), list(where.values())) == (10, {1}, [{NAME}])


@pytest.mark.parametrize(("before", "partitions"), [(1, 3), (3, 2)])
async def test_stream_made_anew_in_several_partitions_holds_every_vote_once_and_counts_the_same(
    before: int, partitions: int, start: Start, settings: Callable[[int], Settings], own: Vhost
) -> None:
    apis = [await start(before) for _ in range(3)]
    for n, api in enumerate(apis):
        await api.cast(100 * n, 100 * n + 9)
        await api.carried()
        await api.book.close()
    assert await counted(settings(before), 30) == 30
    anew = Partitions(own.stream_url, NAME, own.amqp_url, partitions)
    assert await rebuilt(str(settings(before).mongo_url), apis[0].service.database.name, anew)
    assert list(await anew.parts()) == NAMES[:partitions]
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values()), len(where)) == (30, {1}, 3)
    assert set.union(*where.values()) == {*NAMES[:partitions]}
    assert await counted(settings(partitions), 30) == 30
    later = await start(partitions)
    await later.cast(300, 309)
    await later.carried()
    assert (len((await lying(own.stream_url))[0]), await counted(settings(partitions), 40)) == (40, 40)


async def test_held_ballots_that_are_counted_are_in_the_first_partition_once_whoever_tells_them(
    start: Start, settings: Callable[[int], Settings], own: Vhost
) -> None:
    apis = [await start(3) for _ in range(2)]
    for n, api in enumerate(apis):
        await api.cast(100 * n, 100 * n + 6, device=f"d-{n}")
        await api.carried()
    assert await counted(settings(3), 4) == 4
    await apis[0].rule("r-1", do="count", where={"state": "held"})
    await asyncio.gather(*(api.tell_counted() for api in apis))
    ballots, where = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values())) == (14, {1})
    given = await apis[0].partitions()
    assert where == {book: {partition, NAME} for book, partition in given.items()}
    assert {*given.values()} == {*NAMES[:2]}
    assert await counted(settings(3), 14) == 14


async def test_held_ballots_counted_before_and_after_partitions_were_added_and_the_stream_made_anew_count_once(
    start: Start, settings: Callable[[int], Settings], own: Vhost
) -> None:
    old = await start(1)
    await old.cast(0, 6, device="d")
    await old.carried()
    await old.rule("r-1", do="count", where={"state": "held"})
    await old.tell_counted()
    newer = [await start(3) for _ in range(2)]
    await newer[1].cast(100, 106, device="e")
    await newer[1].carried()
    await newer[0].rule("r-2", do="count", where={"state": "held"})
    await newer[0].tell_counted()
    assert await counted(settings(3), 14) == 14
    assert set((await lying(own.stream_url))[0].values()) == {1}
    for api in (old, *newer):
        await api.book.close()
    anew = Partitions(own.stream_url, NAME, own.amqp_url, 2)
    assert await rebuilt(str(settings(2).mongo_url), old.service.database.name, anew)
    await (await start(2)).tell_counted()
    ballots, _ = await lying(own.stream_url)
    assert (len(ballots), set(ballots.values()), await counted(settings(2), 14)) == (14, {1}, 14)


async def test_broker_without_super_streams_refuses_partitions_and_has_no_stream_instead(
    rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost]
) -> None:
    own = vhost(rabbit310)
    with pytest.raises(CannotPartition, match=r"RabbitMQ 3\.10\..* set ZM_VOTE_PARTITIONS to 1"):
        await Partitions(own.stream_url, NAME, own.amqp_url, 3).answers()
    with rabbit310.management() as web:
        assert web.get(f"/api/queues/{own.name}").json() == []
