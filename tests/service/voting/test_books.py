"""Books that a process left behind, or is about to begin: what is owed is told soon, once, and never forgotten."""

import asyncio
from datetime import timedelta

import pytest
from pymongo.errors import DuplicateKeyError

from chassis.mongo import Document
from contracts.events.voting import VoteCast
from services.voting.app import taking
from services.voting.models import BallotIn
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.books import FORGET_AFTER, LEASE, settle_owed
from services.voting.telling.store import Shelf
from tests.service.voting.lives import Died
from tests.service.voting.world import BOOK, Vote, somebody

HOUR = timedelta(hours=1)


async def owed_by_the_dead(vote: Vote, *voters: int) -> str:
    """A book whose process died before it told any of some ballots; its name."""
    dead = taking(vote.api, Settings.model_validate(vote.api.settings.model_dump()))
    vote.bus.stream.away = True
    handed = [BallotIn(BOOK.id, "bridge", somebody(voter)) for voter in voters]
    await dead.hand_in("douyin", handed, vote.clock.now())
    name = dead.box.book._name
    dead.box.book.give_up()
    vote.bus.stream.away = False
    await vote.api.database["books"].update_one({"_id": name}, {"$set": {"until": vote.clock.now()}})
    return name


async def lying(vote: Vote, book: str) -> Document:
    found = await vote.api.database["books"].find_one({"_id": book})
    assert found is not None
    return found


async def test_book_is_held_from_the_moment_it_lies_on_the_shelf(vote: Vote) -> None:
    shelf = Shelf(vote.api.database)

    async def put() -> None:
        for n in range(30):
            await shelf.add(f"{n:016x}", LEASE)

    putting = asyncio.create_task(put())
    sealed = []
    while not putting.done():
        sealed.append(await shelf.seal(LEASE))
    assert set(sealed) == {None}
    with pytest.raises(DuplicateKeyError):
        await shelf.add(f"{0:016x}", LEASE)


async def test_votes_owed_when_the_broker_was_away_are_told_soon_after_it_is_back(vote: Vote) -> None:
    await vote.open("bridge")
    await owed_by_the_dead(vote, 1, 2)
    shelf = Shelf(vote.api.database)
    vote.bus.stream.away = True
    with pytest.raises(ConnectionError):
        await settle_owed(shelf, vote.bus.stream)
    vote.bus.stream.away = False
    async with asyncio.timeout(LEASE.total_seconds()):
        while not await settle_owed(shelf, vote.bus.stream):  # noqa: ASYNC110 - by the database's clock
            await asyncio.sleep(0.05)
    assert len(vote.bus.told_of(VoteCast)) == 2


async def test_book_whose_looker_died_is_due_again_after_a_lease(vote: Vote, monkeypatch: pytest.MonkeyPatch) -> None:
    await vote.open("bridge")
    book = await owed_by_the_dead(vote, 1, 2)

    async def dies(*_: object) -> None:
        raise Died("published")

    with monkeypatch.context() as patched:
        patched.setattr(books, "append", dies)
        with pytest.raises(Died):
            await settle_owed(Shelf(vote.api.database), vote.bus.stream)
    lies = await lying(vote, book)
    assert timedelta() < lies["look_at"] - lies["sealed_at"] <= LEASE
    await vote.api.database["books"].update_one({"_id": book}, {"$set": {"look_at": lies["sealed_at"]}})
    assert await settle_owed(Shelf(vote.api.database), vote.bus.stream)
    assert len(vote.bus.told_of(VoteCast)) == 2


async def test_look_that_is_asked_for_during_another_comes_at_once(vote: Vote, monkeypatch: pytest.MonkeyPatch) -> None:
    await vote.open("bridge")
    book = await owed_by_the_dead(vote, 1, 2)
    shelf, append = Shelf(vote.api.database), books.append

    async def asked(*given: object) -> None:
        await shelf.reopen(book)
        await append(*given)  # type: ignore[arg-type] # what it is called with

    with monkeypatch.context() as patched:
        patched.setattr(books, "append", asked)
        assert await settle_owed(shelf, vote.bus.stream)
    assert await settle_owed(shelf, vote.bus.stream)
    assert not await settle_owed(shelf, vote.bus.stream)
    assert len(vote.bus.told_of(VoteCast)) == 2


async def test_book_is_forgotten_only_when_it_was_looked_into_long_after_it_was_sealed(vote: Vote) -> None:
    await vote.open("bridge")
    untold, told = await owed_by_the_dead(vote, 1, 2), await owed_by_the_dead(vote, 3)
    shelf, shelved = Shelf(vote.api.database), vote.api.database["books"]
    long_ago = (await vote.api.database.command("hello"))["localTime"] - FORGET_AFTER - HOUR
    await shelved.update_one({"_id": untold}, {"$set": {"sealed_at": long_ago, "look_at": long_ago + 9 * HOUR}})
    while await settle_owed(shelf, vote.bus.stream):
        pass
    assert [row["_id"] async for row in shelved.find({"sealed_at": {"$ne": None}}).sort("_id")] == [untold, told]
    await shelved.update_one({"_id": untold}, {"$set": {"look_at": long_ago}})
    while await settle_owed(shelf, vote.bus.stream):
        pass
    assert [row["_id"] async for row in shelved.find({"sealed_at": {"$ne": None}})] == [told]
    assert len(vote.bus.told_of(VoteCast)) == 3
