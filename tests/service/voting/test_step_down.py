"""P11 and P12: a primary that steps down under load loses and doubles nothing that was answered."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import httpx
from pymongo.errors import PyMongoError

from contracts.events.voting import VoteCast
from tests.service.voting.world import BOOK, Vote, somebody

VOTERS = 200
CHANNEL_PATIENCE = 60


async def until_answered(vote: Vote, voter: str) -> list[dict[str, Any]]:
    """Hand the same ballot in five times at once under one nonce, each again while nobody knows what became of it."""
    body = {"campaign": BOOK.id, "entry": "bridge", "voter": voter, "nonce": "n"}

    async def one() -> dict[str, Any]:
        for _ in range(CHANNEL_PATIENCE):
            answer: httpx.Response = await vote.channel.post("/v1/votes", json=body)
            if answer.status_code == 200:
                return dict(answer.json())
            assert answer.status_code == 503, answer.text
            await asyncio.sleep(0.2)
        raise TimeoutError(voter)

    return list(await asyncio.gather(*(one() for _ in range(5))))


async def step_down(vote: Vote) -> None:
    """The only member steps down, and is elected again a second later."""
    with contextlib.suppress(PyMongoError):  # the connection it was asked over may be closed by it
        await vote.api.client.admin.command({"replSetStepDown": 1, "force": True})


async def test_thousand_ballots_while_the_primary_steps_down_are_counted_once_each(vote: Vote) -> None:
    await vote.open("bridge")
    voters = [asyncio.ensure_future(until_answered(vote, somebody(n))) for n in range(VOTERS)]
    await asyncio.sleep(0)
    await step_down(vote)
    answers = [answer for answered in await asyncio.gather(*voters) for answer in answered]
    assert Counter(answer["outcome"] for answer in answers) == {"counted": 5 * VOTERS}
    kept = [row["ballot"] async for row in vote.api.database["ballots"].find()]
    assert (len(kept), set(kept)) == (VOTERS, {answer["ballot"] for answer in answers})
    await vote.api.database["books"].update_many({}, {"$set": {"until": vote.clock.now()}})
    await vote.bus.settle()
    assert Counter(event.ballot for event in vote.bus.told_of(VoteCast)) == Counter(kept)
    assert (await vote.shown())["votes"] == VOTERS
