"""People decide on held ballots, void votes and let them count again: tally, stream and ballots agree."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.events.voting import BallotsVoided, TallyClosed, VoteCast, VotesRestored
from contracts.ids import CampaignId
from deploy.commands.votes import count_anew
from services.voting import rules
from services.voting.app import ruling
from services.voting.models import State
from services.voting.rulings import actions
from services.voting.rulings import store as rulings_store
from services.voting.rulings.actions import Rulings
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.store import Shelf
from tests.service.voting.holding import AT, farm, rule, standing, state
from tests.service.voting.world import BOOK, CLOSES, Vote

TOO_LITTLE: list[dict[str, Any]] = [
    {"do": "void", "where": {"state": "held"}},
    {"do": "void", "reason": " ", "where": {"state": "held"}},
    {"do": "void", "reason": "x"},
    {"do": "void", "reason": "x", "where": {"state": "counted"}},
    {"do": "void", "reason": "x", "where": {"state": "held"}, "ballots": ["b"]},
    {"do": "delete", "reason": "x", "ballots": ["b"]},
]


@pytest.fixture
def rulebooks(strict: Path) -> Path:
    """The campaign with signals that a few ballots trip."""
    return strict


def settings(vote: Vote) -> Settings:
    return Settings.model_validate(vote.api.settings.model_dump())


async def test_held_ballots_that_are_counted_come_into_the_stream_once_and_the_tally_follows(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    answers = await farm(vote, 6)
    ruled = await rule(admin, "r", "count", where={"state": "held", "signal": "device"})
    assert (ruled["decided"], ruled["done"], ruled["by"]) == (4, True, "admin")
    assert await standing(vote) == {"bridge": 6}
    assert {event.ballot for event in vote.bus.told_of(VoteCast)} == {each["ballot"] for each in answers}
    assert (vote.bus.told_of(VotesRestored), vote.bus.told_of(BallotsVoided)) == ([], [])


async def test_votes_are_voided_by_what_they_have_in_common_and_the_tally_follows(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    farmed = await farm(vote, 2)
    honest = await vote.cast("wei")
    vote.clock.advance(timedelta(minutes=5))
    later = await vote.cast("li")
    await vote.cast("wei", "kite")
    assert await standing(vote) == {"bridge": 4, "kite": 1}
    ballot = await vote.api.database["ballots"].find_one({"ballot": farmed[0]["ballot"]})
    assert ballot is not None
    ruled = await rule(admin, "r-1", "void", where={"state": "counted", "device": ballot["device"]})
    assert (ruled["decided"], await standing(vote)) == (2, {"bridge": 2, "kite": 1})
    since = (vote.clock.now() - timedelta(minutes=1)).isoformat()
    await rule(admin, "r-2", "void", where={"state": "counted", "entry": "bridge", "since": since})
    assert await standing(vote) == {"bridge": 1, "kite": 1}
    assert (await state(vote, honest["ballot"]), await state(vote, later["ballot"])) == ("counted", "voided")
    event = vote.bus.told_of(BallotsVoided)[0]
    assert (event.ruling, event.reason, event.by, event.revision) == ("r-1", "经核查", "admin", ballot["revision"])
    assert {(each.ballot, each.vote) for each in event.ballots} == {(each["ballot"], True) for each in farmed}


async def test_what_was_voided_counts_again_and_is_in_the_stream_once(vote: Vote, admin: httpx.AsyncClient) -> None:
    answers = await farm(vote, 3)
    every = [each["ballot"] for each in answers]
    expected = {"void": {}, "count": {"bridge": 3}}
    for n, do in enumerate(("void", "count", "void", "void", "count", "count")):
        await rule(admin, f"r-{n}", do, ballots=every)
        assert await standing(vote) == expected[do]
    restored = [{each.ballot for each in event.ballots} for event in vote.bus.told_of(VotesRestored)]
    assert restored == [set(every[:2]), set(every)], "the first time, the held one comes into the stream instead"
    assert [each.vote for event in vote.bus.told_of(BallotsVoided) for each in event.ballots].count(False) == 1


async def test_same_ruling_again_changes_nothing_and_its_id_for_another_is_refused(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    await farm(vote, 4)
    first = await rule(admin, "r", "void", where={"state": "held"})
    vote.clock.advance(timedelta(minutes=1))
    await vote.cast("wei", device="d")
    assert await rule(admin, "r", "void", where={"state": "held"}) == first, "it is about what there was to be seen"
    assert len((await admin.get(f"{AT}/ballots", params={"state": "held"})).json()["ballots"]) == 1
    other = await admin.put(f"{AT}/rulings/r", json={"do": "count", "reason": "经核查", "where": {"state": "held"}})
    assert (other.status_code, other.json()["code"]) == (409, "ruling_differs")
    audited = [row async for row in vote.api.records.audit.find({"did": {"$ne": "admit"}})]
    assert [(row["did"], row["why"], row["who"], row["facts"]["ruling"]) for row in audited] == [
        ("void_ballots", "经核查", "admin", "r")
    ]


async def test_ballot_counted_and_voided_at_once_is_one_of_both_everywhere(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    answers = await farm(vote, 6)
    every = [each["ballot"] for each in answers]
    await asyncio.gather(*(
        rule(admin, f"r-{n}", ("count", "void")[n % 2], ballots=every[n % 3 :]) for n in range(8)
    ))  # fmt: skip
    votes = sum((await standing(vote)).values())
    states = Counter([await state(vote, each) for each in every])
    assert (states["held"], states["counted"], len(vote.bus.told_of(VoteCast))) == (0, votes, 6)


async def test_ruling_larger_than_a_page_goes_on_where_another_process_left_it(
    vote: Vote, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PAGE", 3)
    monkeypatch.setattr(rulings_store, "SCANNED", 5)
    await farm(vote, 9)
    await vote.cast("wei", "kite")
    begun = await rule(admin, "r", "void", where={"state": "counted", "entry": "bridge"})
    rest = await rule(admin, "r-2", "count", where={"state": "held"})
    assert (begun["done"], rest["decided"], rest["done"]) == (False, 3, False)
    others: list[Rulings] = [ruling(vote.api, vote.voting) for _ in range(3)]
    await asyncio.gather(*(other.carry_on() for other in others))
    assert await standing(vote) == {"bridge": 7, "kite": 1}
    taken = (await admin.get(f"{AT}/rulings")).json()
    assert {(each["ruling"], each["decided"], each["done"]) for each in taken} == {("r", 2, True), ("r-2", 7, True)}
    assert await admin.get(f"{AT}/rulings/r") != await admin.get(f"{AT}/rulings/r-2")


async def test_held_votes_that_count_wait_for_a_stream_that_is_away(vote: Vote, admin: httpx.AsyncClient) -> None:
    await farm(vote, 4)
    await vote.bus.settle()
    vote.bus.stream.away = True
    await rule(admin, "r", "count", where={"state": "held"})
    with pytest.raises(ConnectionError):
        await ruling(vote.api, vote.voting).tell_counted()
    vote.bus.stream.away = False
    tellers = [ruling(vote.api, vote.voting) for _ in range(5)]
    await asyncio.gather(*(teller.tell_counted() for teller in tellers))
    assert await standing(vote) == {"bridge": 4}


async def test_votes_voided_before_the_stream_had_them_are_never_less_than_none(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    vote.bus.stream.away = True
    cast = await vote.cast("wei")
    await rule(admin, "r", "void", ballots=[cast["ballot"]])
    assert ((await vote.shown())["entries"], (await vote.shown())["votes"]) == ([], 0)
    vote.bus.stream.away = False
    assert await standing(vote) == {}


async def test_tally_waits_for_who_decides_and_then_says_what_is_not_in_it(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    answers = await farm(vote, 5)
    await rule(admin, "r", "void", ballots=[answers[0]["ballot"]])
    await vote.bus.settle()
    vote.clock.set(CLOSES + timedelta(hours=48) - timedelta(milliseconds=1))
    assert await vote.tallying.close_ended() == []
    vote.clock.advance(timedelta(milliseconds=1))
    assert await vote.tallying.close_ended() == [BOOK.id]
    await vote.bus.settle()
    shown = await vote.shown()
    assert (shown["votes"], shown["held"], shown["voided"]) == (1, 3, 1)
    (event,) = vote.bus.told_of(TallyClosed)
    assert (event.votes, event.held, event.voided) == (1, 3, 1)
    late = await admin.put(f"{AT}/rulings/late", json={"do": "count", "reason": "晚", "where": {"state": "held"}})
    assert (late.status_code, late.json()["code"]) == (409, "tally_closed")
    assert await admin.get(f"{AT}/rulings/r") != late


async def test_tally_closes_as_soon_as_everything_held_is_decided(vote: Vote, admin: httpx.AsyncClient) -> None:
    await farm(vote, 5)
    await vote.bus.settle()
    vote.clock.set(CLOSES + rules.SETTLED_AFTER)
    assert await vote.tallying.close_ended() == []
    await rule(admin, "r", "count", where={"state": "held"})
    assert await vote.tallying.close_ended() == [], "the stream does not have them yet"
    await vote.bus.settle()
    assert await vote.tallying.close_ended() == [BOOK.id]
    assert ((await vote.shown())["votes"], (await vote.shown())["held"]) == (5, 0)


async def test_ruling_at_the_moment_of_the_close_is_in_the_tally_or_refused(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    answers = await farm(vote, 2)
    await vote.bus.settle()
    vote.clock.set(CLOSES + rules.SETTLED_AFTER)
    body = {"do": "void", "reason": "经核查", "ballots": [answers[0]["ballot"]]}
    ruled, closed = await asyncio.gather(
        admin.put(f"{AT}/rulings/r", json=body), vote.tallying.close_ended()
    )  # fmt: skip
    assert closed or await vote.tallying.close_ended()
    expected = {200: 1, 409: 2}[ruled.status_code]
    assert ((await vote.shown())["votes"], (await vote.store.recount(BOOK.id)).votes) == (expected, expected)


async def test_ruling_between_the_recount_and_the_close_is_waited_for(vote: Vote, admin: httpx.AsyncClient) -> None:
    answers = await farm(vote, 2)
    await vote.bus.settle()
    vote.clock.set(CLOSES + rules.SETTLED_AFTER)
    tallying = vote.tallying
    amount = tallying.rulings.amount

    async def counted_and_ruled(campaign: CampaignId, state: State) -> int:
        counted = await amount(campaign, state)
        if state == "voided":  # the last that is read before the close
            await rule(admin, "r", "void", ballots=[answers[0]["ballot"]])
        return counted

    tallying.rulings.amount = counted_and_ruled  # type: ignore[method-assign]
    assert await tallying.close_ended() == []
    assert await vote.tallying.close_ended() == [BOOK.id]
    assert ((await vote.shown())["votes"], (await vote.shown())["voided"]) == (1, 1)


async def test_tally_is_not_closed_while_a_ruling_is_under_way(
    vote: Vote, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PAGE", 1)
    answers = await farm(vote, 2)
    await vote.bus.settle()
    vote.clock.set(CLOSES + rules.SETTLED_AFTER)
    begun = await rule(admin, "r", "void", ballots=[each["ballot"] for each in answers])
    assert (begun["decided"], begun["done"], await vote.tallying.close_ended()) == (1, False, [])
    await vote.bus.settle()
    assert (await vote.tallying.close_ended(), (await vote.shown())["votes"]) == ([BOOK.id], 0)


async def test_ruling_that_says_too_little_is_refused(vote: Vote, admin: httpx.AsyncClient) -> None:
    for asked in TOO_LITTLE:
        assert (asked, (await admin.put(f"{AT}/rulings/r", json=asked)).status_code) == (asked, 422)
    assert (await admin.get(f"{AT}/rulings/r")).status_code == 404


async def test_ballots_are_never_deleted_and_keep_what_they_were(vote: Vote, admin: httpx.AsyncClient) -> None:
    await farm(vote, 4)
    mutable = {"state": 0, "ruling": 0, "later": 0}
    before = await vote.api.database["ballots"].find({}, mutable).sort("_id").to_list()
    await rule(admin, "r-1", "void", where={"state": "held"})
    await rule(admin, "r-2", "count", where={"state": "voided"})
    await rule(admin, "r-3", "void", where={"state": "counted", "entry": "bridge"})
    assert await vote.api.database["ballots"].find({}, mutable).sort("_id").to_list() == before


async def test_stream_made_anew_has_every_ballot_that_ever_counted_once(vote: Vote, admin: httpx.AsyncClient) -> None:
    answers = await farm(vote, 6)
    await rule(admin, "r-1", "count", ballots=[each["ballot"] for each in answers[2:4]])
    await rule(admin, "r-2", "void", ballots=[each["ballot"] for each in answers[1:3]])
    before = await standing(vote)
    vote.bus.told = [event for event in vote.bus.told if not isinstance(event, VoteCast)]
    vote.bus.stream.messages.clear()
    vote.bus.stream._last.clear()
    await vote.store.forget_counts()
    async for _ in books.rebuild(Shelf(vote.api.database), vote.bus.stream):
        pass
    await ruling(vote.api, vote.voting).tell_counted()
    assert (before, await standing(vote)) == ({"bridge": 2}, {"bridge": 2})
    assert {event.ballot for event in vote.bus.told_of(VoteCast)} == {each["ballot"] for each in answers[:4]}


async def test_recount_says_how_many_ballots_are_not_in_the_tally(vote: Vote, admin: httpx.AsyncClient) -> None:
    answers = await farm(vote, 6)
    await rule(admin, "r", "void", ballots=[each["ballot"] for each in answers[1:4]])
    await standing(vote)
    found = await count_anew(vote.api.settings.mongo_url, vote.api.database.name, BOOK.id)
    assert (found.agree, found.anew.votes, found.held, found.voided) == (True, 1, 2, 3)
