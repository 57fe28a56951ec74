"""Ballots that trip a signal are held and people decide on them: whatever they say, tally, stream and ballots agree."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from contracts.events.voting import BallotsVoided, TallyClosed, VoteCast, VotesRestored
from contracts.ids import CampaignId, EntryId
from contracts.ingress import BallotAnswer, HandInBallot
from deploy.commands.votes import count_anew
from services.voting import rules, wording
from services.voting.app import ruling, taking
from services.voting.models import BallotIn, Counts, Held, State
from services.voting.rulings import actions
from services.voting.rulings import store as rulings_store
from services.voting.rulings.actions import Rulings
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.store import Shelf
from tests.service.voting.holding import AT, farm, rule
from tests.service.voting.world import BOOK, CLOSES, Vote, somebody

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


async def state(vote: Vote, ballot: str) -> str:
    return str((await vote.public.get(f"/v1/votes/{ballot}")).json()["state"])


async def standing(vote: Vote) -> dict[EntryId, int]:
    """Votes by entry, once it was seen that the stream, the tally and the ballots say the same."""
    await vote.bus.settle()
    told: Counter[str] = Counter({each.ballot: 1 for each in vote.bus.told_of(VoteCast)})
    assert len(vote.bus.told_of(VoteCast)) == len(told), "every vote is in the stream once"
    entries: dict[str, EntryId] = {event.ballot: event.entry for event in vote.bus.told_of(VoteCast)}
    for event in vote.bus.told:
        if isinstance(event, BallotsVoided | VotesRestored):
            more = -1 if isinstance(event, BallotsVoided) else 1
            told.update({each.ballot: more for each in event.ballots if each.vote})
    followed: Counter[EntryId] = Counter()
    for ballot, votes in told.items():
        followed[entries[ballot]] += votes
    live = {each.entry: each.votes for each in (await vote.store.live(BOOK.id)).entries}
    assert await vote.store.live(BOOK.id) == await vote.store.recount(BOOK.id)
    assert live == {entry: votes for entry, votes in followed.items() if votes}
    assert (await vote.shown())["votes"] == sum(live.values())
    return live


async def test_ballot_beyond_the_rate_of_its_device_is_held_and_counts_nowhere(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    answers = await farm(vote, 4)
    assert [each["outcome"] for each in answers] == ["counted", "counted", "held", "held"]
    assert (answers[2]["message_zh"], answers[2]["message_en"]) == wording.HELD
    assert await standing(vote) == {"bridge": 2}
    assert [await state(vote, each["ballot"]) for each in answers] == ["counted", "counted", "held", "held"]


@pytest.mark.parametrize(("signal", "ballots"), [
    ("device", [{"voter": somebody(n), "device": "d"} for n in range(3)]),
    ("address", [{"voter": somebody(n), "address": f"2001:db8:1:2::{n}"} for n in range(4)]),
    ("entry", [{"voter": somebody(n)} for n in range(10)]),
    ("channel", [{"voter": somebody(n // 3), "entry": ("a", "b", "c")[n % 3]} for n in range(21)]),
    ("series", [{"voter": f"wx-{n}"} for n in range(3)]),
])  # fmt: skip
async def test_last_of_these_ballots_trips_its_signal(
    vote: Vote, admin: httpx.AsyncClient, signal: str, ballots: list[dict[str, Any]]
) -> None:
    await vote.open("a", "b", "c")
    outcomes = [(await vote.cast(**each))["outcome"] for each in ballots]
    assert outcomes == ["counted"] * (len(ballots) - 1) + ["held"]
    page = (await admin.get(f"{AT}/ballots", params={"state": "held"})).json()
    assert [each["signals"] for each in page["ballots"]] == [[signal]]


async def test_device_and_address_are_kept_as_pseudonyms_only(vote: Vote, admin: httpx.AsyncClient) -> None:
    for n in range(3):
        await vote.cast(somebody(n), device="phone-of-wei", address="203.0.113.77")
    [listed] = (await admin.get(f"{AT}/ballots", params={"state": "held"})).json()["ballots"]
    kept = [row async for row in vote.api.database["ballots"].find()]
    assert "phone-of-wei" not in repr(kept) + repr(listed)
    assert "203.0.113.77" not in repr(kept) + repr(listed)
    assert {(row["device"], row["address"]) for row in kept} == {(listed["device"], listed["address"])}


async def test_ballot_from_what_is_no_address_is_malformed(vote: Vote, admin: httpx.AsyncClient) -> None:
    body = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei", "address": "203.0.113"}
    refused = await vote.channel.post("/v1/votes", json=body)
    assert (refused.status_code, refused.json()["fields"][0]["reason"]) == (422, "address: neither IPv4 nor IPv6")


async def test_held_ballot_is_answered_the_same_again_whatever_was_decided_since(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    await farm(vote, 2)
    first = await vote.cast("wei", device="d", nonce="n")
    assert await vote.cast("wei", nonce="n") == first == await vote.cast("wei")
    await rule(admin, "r", "void", ballots=[first["ballot"]])
    forgetful = taking(vote.api, settings(vote))
    [again] = await forgetful.hand_in("douyin-account", [BallotIn(BOOK.id, "bridge", "wei")], vote.clock.now())
    assert (again, await vote.cast("wei", nonce="n")) == (Held(first["ballot"]), first)
    assert (await standing(vote), await state(vote, first["ballot"])) == ({"bridge": 2}, "voided")


async def test_held_ballots_use_the_voters_limit(vote: Vote, admin: httpx.AsyncClient) -> None:
    entries = [f"entry-{n}" for n in range(11)]
    await vote.open(*entries)
    outcomes = [(await vote.cast("wei", entry, device="d"))["outcome"] for entry in entries]
    assert outcomes == ["counted"] * 2 + ["held"] * 8 + ["over_limit"]
    await rule(admin, "r", "count", where={"state": "held"})
    assert sum((await standing(vote)).values()) == 10


async def test_identical_ballots_at_once_on_two_replicas_are_held_as_one(vote: Vote, admin: httpx.AsyncClient) -> None:
    async with vote.replica() as replica:
        for n, taker in enumerate((vote.voting, vote.voting, replica, replica)):  # each sees what it takes itself
            await taker.hand_in(
                "douyin-account", [BallotIn(BOOK.id, "kite", somebody(n), device="d")], vote.clock.now()
            )
        decided = await asyncio.gather(*(
            (vote.voting, replica)[n % 2].hand_in(
                "douyin-account", [BallotIn(BOOK.id, "bridge", "wei", device="d")], vote.clock.now()
            )
            for n in range(100)
        ))  # fmt: skip
    answers = {wording.answer(each) for [each] in decided}
    counted = {answer.outcome for answer in answers}
    assert (len({answer.ballot for answer in answers}), counted) == (1, {"held"}), answers


async def test_held_ballot_on_the_bus_is_answered_so_and_its_repeat_the_same(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    async def hand_in(n: int) -> Any:
        ballot = HandInBallot(campaign=BOOK.id, entry=EntryId("bridge"), voter=somebody(n), device="d")
        answer = await vote.bus.hand_in(ballot, sender="douyin", message_id=f"m-{n}")
        return BallotAnswer.model_validate(answer, from_attributes=True)

    answers = [await hand_in(n) for n in (0, 1, 2, 2)]
    assert [each.outcome for each in answers] == ["counted", "counted", "held", "held"]
    assert answers[2] == answers[3]
    assert await vote.api.database["ballots"].count_documents({}) == 3


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


async def test_what_most_ballots_have_in_common_is_seen_whichever_process_took_them(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    async def most(**asked: str) -> list[tuple[str, int, int, int]]:
        found = (await admin.get(f"{AT}/ballots/most", params=asked)).json()
        return [(each["value"], each["counted"], each["held"], each["voided"]) for each in found]

    async with vote.replica() as replica:
        for n in range(2):  # each process lets two of a device through
            seen = BallotIn(BOOK.id, "bridge", somebody(n), device="d")
            await replica.hand_in("douyin-account", [seen], vote.clock.now())
    answers = await farm(vote, 4)
    await vote.cast("wei", "kite", device="another")
    await rule(admin, "r", "void", ballots=[answers[3]["ballot"]])
    [(device, *ballots), (_, *fewer)] = await most(by="device")
    assert (ballots, fewer) == ([4, 1, 1], [1, 0, 0])
    assert await most(by="signal") == [("device", 0, 1, 1)]
    assert await most(by="entry", state="held") == [("bridge", 0, 1, 0)]
    assert await most(by="entry", device=device, limit="1") == [("bridge", 4, 1, 1)]
    assert await most(by="address") == []


async def test_what_is_held_is_listed_in_pages(vote: Vote, admin: httpx.AsyncClient) -> None:
    held = [each["ballot"] for each in (await farm(vote, 6))[2:]]
    other = [each["ballot"] for each in (await farm(vote, 3, "kite", device="e"))[2:]]
    listed: list[str] = []
    after: str | None = ""
    while after is not None:
        params = {"state": "held", "channel": "douyin-account", "limit": "2", "after": after}
        page = (await admin.get(f"{AT}/ballots", params=params)).json()
        listed += [each["ballot"] for each in page["ballots"]]
        after = page["next"]
    assert listed == sorted(held + other)
    kite = (await admin.get(f"{AT}/ballots", params={"state": "held", "entry": "kite"})).json()["ballots"]
    assert [each["ballot"] for each in kite] == other


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


async def test_line_in_the_log_of_what_is_held_names_no_voter(vote: Vote, admin: httpx.AsyncClient) -> None:
    with structlog.testing.capture_logs() as lines:
        await farm(vote, 3)
    (line,) = (line for line in lines if line["event"] == "ballots_held")
    assert line == {
        "event": "ballots_held", "log_level": "info", "campaign": BOOK.id, "entry": "bridge",
        "channel": "douyin-account", "outcome": "held", "ballots": 1,
    }  # fmt: skip


async def test_process_that_dies_between_keeping_and_answering_leaves_a_held_ballot_that_is_answered_so(
    vote: Vote, admin: httpx.AsyncClient
) -> None:
    await farm(vote, 2)
    dead = taking(vote.api, settings(vote))
    for n in range(2):
        await dead.hand_in("x", [BallotIn(BOOK.id, "kite", somebody(n), device="d")], vote.clock.now())

    async def dies(*_: Any) -> None:
        raise ConnectionError("it died here")

    dead.box.book.entered = dies  # type: ignore[method-assign,assignment]
    wei = BallotIn(BOOK.id, "bridge", "wei", device="d", nonce="n")
    with pytest.raises(Exception, match="died here"):
        await dead.hand_in("x", [wei], vote.clock.now())
    [answered] = await taking(vote.api, settings(vote)).hand_in("x", [wei], vote.clock.now())
    assert isinstance(answered, Held)
    await vote.api.database["books"].update_many({}, {"$set": {"until": vote.clock.now()}})
    assert not isinstance(answered, Counts)
    assert await standing(vote) == {"bridge": 2, "kite": 2}
