"""What a channel learns of its own ballots and voters, and that nobody learns of another's."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from chassis.testing import Issuer, client
from deploy.commands import votes as commands
from services.voting import wording
from services.voting.models import State
from tests.service.voting.holding import AT, farm, rule
from tests.service.voting.world import BOOK, Vote, somebody

SECOND = timedelta(seconds=1)
ENTRIES = ("bridge", "kite", "a", "b", "c")


@pytest.fixture
def rulebooks(strict: Path) -> Path:
    """The campaign with signals that a few ballots trip."""
    return strict


@pytest.fixture
async def web(vote: Vote, issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    """Another channel."""
    async with client(vote.api, issuer.token("frontend", account="web-account")) as another:
        yield another


async def states(channel: httpx.AsyncClient, *ballots: str) -> dict[str, tuple[str, str]]:
    """State and Chinese text of ballots, by id."""
    answer = await channel.get("/v1/votes", params={"ballot": list(ballots)})
    assert answer.status_code == 200, answer.text
    return {each["ballot"]: (each["state"], each["message_zh"]) for each in answer.json()}


async def test_channel_learns_what_became_of_its_ballots(
    vote: Vote, admin: httpx.AsyncClient, web: httpx.AsyncClient
) -> None:
    ballots = [each["ballot"] for each in await farm(vote, 5)]
    await rule(admin, "r-1", "count", ballots=ballots[2:3])
    await rule(admin, "r-2", "void", ballots=[ballots[0], ballots[3]])
    became: tuple[State, ...] = ("voided", "counted", "counted", "voided", "held")
    expected = {each: (state, wording.BECAME[state][0]) for each, state in zip(ballots, became, strict=True)}
    assert await states(vote.channel, *ballots, "none") == expected
    assert await states(web, *ballots) == {}


async def test_channel_lists_its_ballots_that_do_not_count_with_its_own_nonces(
    vote: Vote, admin: httpx.AsyncClient, web: httpx.AsyncClient
) -> None:
    await farm(vote, 2)
    held = [await vote.cast(somebody(100 + n), device="d", nonce=f"n-{n}") for n in range(3)]
    listed: list[tuple[str, str]] = []
    after: str | None = ""
    while after is not None:
        params = {"state": "held", "limit": "2", "after": after}
        page = (await vote.channel.get(f"{AT}/votes", params=params)).json()
        listed += [(each["ballot"], each["nonce"]) for each in page["ballots"]]
        after = page["next"]
    assert sorted(listed) == sorted((each["ballot"], f"n-{n}") for n, each in enumerate(held))
    assert (await web.get(f"{AT}/votes", params={"state": "held"})).json()["ballots"] == []
    assert "signals" not in page["ballots"][0], "which threshold it was is nobody's outside"


async def vote_much(vote: Vote) -> dict[str, str]:
    """Voters of five, three, three and one votes; the first ballot of each."""
    await vote.open(*ENTRIES)
    wanted = {"wei": ENTRIES, "li": ENTRIES[:3], "an": ENTRIES[:3], "once": ENTRIES[:1]}
    first: dict[str, str] = {}
    for voter, entries in wanted.items():
        for entry in entries:
            answer = await vote.cast(voter, entry, nonce=f"{voter}-{entry}")
            first.setdefault(voter, answer["ballot"])
            vote.clock.advance(SECOND)
    return first


async def test_most_active_voters_are_listed_by_a_ballot_only_their_channel_knows(
    vote: Vote, admin: httpx.AsyncClient, web: httpx.AsyncClient
) -> None:
    first = await vote_much(vote)
    theirs = (await web.post("/v1/votes", json={"campaign": BOOK.id, "entry": "a", "voter": "wei"})).json()["ballot"]
    active = (await vote.channel.get(f"{AT}/voters/active", params={"limit": 3})).json()
    assert active == [
        {"votes": votes, "ballot": first[voter], "nonce": f"{voter}-bridge"}
        for voter, votes in (("wei", 5), ("li", 3), ("an", 3))
    ]
    assert (await web.get(f"{AT}/voters/active")).json() == [{"votes": 1, "ballot": theirs, "nonce": None}]
    foreign = await web.get(f"{AT}/voters/active", params={"channel": "douyin-account"})
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_channel")


async def test_admin_sees_who_was_active_in_a_channel_by_ballots_alone(vote: Vote, admin: httpx.AsyncClient) -> None:
    first = await vote_much(vote)
    listed = (await admin.get(f"{AT}/voters/active", params={"channel": "douyin-account", "limit": 1})).json()
    assert [(each["votes"], each["ballot"]) for each in listed] == [(5, first["wei"])]
    assert (await admin.get(f"{AT}/voters/active")).json()["code"] == "channel_missing"


async def test_only_votes_that_count_make_a_voter_active(vote: Vote, admin: httpx.AsyncClient) -> None:
    first = await vote_much(vote)
    await rule(admin, "r", "void", ballots=[first["wei"]])
    await vote.cast("held", device="d"), await vote.cast("held-2", device="d")
    held = await vote.cast("held-3", device="d")
    listed = (await vote.channel.get(f"{AT}/voters/active")).json()
    assert (held["outcome"], [each["votes"] for each in listed]) == ("held", [4, 3, 3, 1, 1, 1])
    assert first["wei"] not in {each["ballot"] for each in listed}, "known by the first that counts"


async def test_most_active_voters_are_printed_for_whoever_runs_it(
    vote: Vote, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await vote_much(vote)
    monkeypatch.setattr(commands, "DATABASE", vote.api.database.name)
    said = ["active", "--campaign", BOOK.id, "--channel", "douyin-account", "--mongo", vote.api.settings.mongo_url]
    result = await asyncio.to_thread(CliRunner().invoke, commands.app, [*said, "--limit", "2"])
    assert (result.exit_code, result.stdout.split()) == (
        0, ["5", first["wei"], "wei-bridge", "3", first["li"], "li-bridge"],
    )  # fmt: skip
    nobody = await asyncio.to_thread(CliRunner().invoke, commands.app, [*said[:4], "none", *said[5:]])
    assert nobody.exit_code == 2


async def test_channel_is_told_votes_by_its_own_ids(
    vote: Vote, admin: httpx.AsyncClient, web: httpx.AsyncClient
) -> None:
    first = await vote_much(vote)
    await rule(admin, "r", "void", ballots=[first["li"]])
    asked = {"voters": ["once", "LI", "nobody", "wei", "an"]}
    answer: list[Any] = (await vote.channel.post(f"{AT}/voters", json=asked)).json()
    assert answer == [
        {"voter": voter, "votes": votes}
        for voter, votes in (("wei", 5), ("an", 3), ("LI", 2), ("once", 1), ("nobody", 0))
    ]
    assert [each["votes"] for each in (await web.post(f"{AT}/voters", json=asked)).json()] == [0] * 5
