"""P1 and P10 under load, on both brokers: ballots pour in over HTTP while the API and the tally are killed at random
moments; every ballot that was answered is counted once, every vote is in the stream once, and the tally is the number
of ballots."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chassis.ids import new_id
from services.voting.books import LATE_AFTER
from tests.chaos.child import PATIENCE_S
from tests.chaos.lane import Ground, Lane, lane, until
from tests.chaos.scenarios import votable
from tests.support.kinds import Rabbit, Vhost

SEED = 20230904
KILLS = 3
"""Of each process."""
VOTERS = 8
"""People who vote one ballot after the other, each as soon as the one before was answered."""


class Election:
    """Both processes of voting, one entry, and what voters were told."""

    def __init__(self, api: Lane, tally: Lane, entry: str) -> None:
        self.api, self.tally, self.entry = api, tally, entry
        self.answered: Counter[str] = Counter()
        """Ballots by how often they were answered `counted`."""
        self.closed = asyncio.Event()

    async def vote_on(self) -> None:
        """Vote until the polls close; a voter who gets no answer asks again with the same nonce."""
        while not self.closed.is_set():
            body = {"campaign": "cloud-studio-2023", "entry": self.entry, "voter": new_id(), "nonce": new_id()}
            while (ballot := await self._ask(body)) is None:  # noqa: ASYNC110 - it is another process's doing
                await asyncio.sleep(0.1)
            self.answered[ballot] += 1

    async def _ask(self, body: dict[str, str]) -> str | None:
        answer = await self.api.ask("POST", "/v1/votes", self.api.token("frontend"), json=body)
        return str(answer.json()["ballot"]) if answer is not None and answer.status_code == 200 else None

    async def kill(self, chance: random.Random) -> None:
        """Kill one, then the other, at random moments, and start it again; what it owed waits for the lease."""
        for victim in (self.api, self.tally) * KILLS:
            await asyncio.sleep(chance.uniform(0.1, 1.2))
            victim.alive.kill()
            await victim.end_transactions()
            await victim.start()
        self.closed.set()

    async def counted(self) -> int:
        """The live tally."""
        counts = [row["entries"] async for row in self.tally.service.database.counts.find()]
        return sum(sum(entries.values()) for entries in counts)

    async def over(self) -> bool:
        """Whether every ballot is tallied and both processes have nothing left to do."""
        ballots = await self.api.service.database.ballots.count_documents({})
        return await self.counted() == ballots and await self.api.quiet() and await self.tally.quiet()


@pytest.fixture
async def election(
    told: dict[str, Any], vhost: Callable[[Rabbit], Vhost], rabbit: Rabbit, database_prefix: str, tmp_path: Path
) -> AsyncIterator[Election]:
    own = vhost(rabbit)
    ground = Ground(own.amqp_url, own.stream_url, {**told, "mongo_prefix": database_prefix}, tmp_path)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(lane("voting-api", ground))
        tally = await stack.enter_async_context(lane("voting-tally", ground))
        entry = await votable(api)
        await api.settle()
        yield Election(api, tally, entry)


@pytest.mark.timeout(300)
async def test_ballots_survive_random_kills(election: Election) -> None:
    voters = [election.vote_on() for _ in range(VOTERS)]
    await asyncio.gather(election.kill(random.Random(SEED)), *voters)
    patience_s = LATE_AFTER.total_seconds() + PATIENCE_S  # a ballot kept while its book was sealed is told that late
    assert await until(election.over, patience_s), "not everything was tallied"
    ballots = {row["ballot"] async for row in election.api.service.database.ballots.find({}, {"ballot": 1})}
    lost, doubled = set(election.answered) - ballots, [b for b, count in election.answered.items() if count != 1]
    assert (lost, doubled) == (set(), [])
    assert ballots == set(election.answered), "every voter asked until there was an answer"
    assert await election.counted() == len(ballots)
    assert election.api.votes == Counter(dict.fromkeys(ballots, 1)), "every vote is in the stream, once"
    assert await election.api.strangers() == set()
    assert await election.api.service.records.parked.count_documents({}) == 0
    assert len(ballots) >= 5 * VOTERS
