"""Ballots that trip a signal are held: they count nowhere, and nobody who hands them in is left guessing."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from contracts.ids import EntryId
from contracts.ingress import BallotAnswer, HandInBallot
from services.voting import wording
from services.voting.app import taking
from services.voting.models import BallotIn, Counts, Held
from services.voting.settings import Settings
from tests.service.voting.holding import AT, farm, rule, standing, state
from tests.service.voting.world import BOOK, Vote, somebody

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
