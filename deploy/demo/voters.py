"""The public votes: through a frontend over HTTP, and over the bus; some hand a ballot in twice, some too many."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Final, Literal

import httpx

from chassis.ids import new_id
from contracts.ids import BallotId, EntryId
from contracts.ingress import BallotAnswer, HandInBallot
from deploy.demo.world import Person, Stage

AT_ONCE: Final = 24
OVER_THE_BUS: Final = 7
"""Every so many voters vote over the bus."""
SAME_AGAIN: Final = 12
"""Every so many ballots are handed in twice at once under one nonce, as an impatient thumb does."""
ANOTHER: Final = 25
"""Every so many voters vote for the same entry a second time, which does not count."""
MOST_ENTRIES: Final = 5
GREEDY: Final = 150
"""Every so many voters want more votes than a day allows."""

Expected = Literal["counted", "already_counted", "over_limit", "outside_window", "not_votable"]


@dataclass(frozen=True)
class Wish:
    """One ballot somebody hands in, how, how often, and what should become of it."""

    voter: str
    entry: EntryId
    nonce: str
    by_bus: bool
    times: int
    expected: Expected


def wishes(entries: Sequence[EntryId], ballots: int, per_day: int) -> Iterator[list[Wish]]:
    """Voters with their ballots in order; some entries are liked more than others, the same ones in every run."""
    chance = random.Random(2023)  # a story, not a secret
    liked = list(accumulate(chance.paretovariate(1.2) for _ in entries))
    handed, number = 0, 0
    while handed < ballots:
        number += 1
        many = per_day + 2 if number % GREEDY == 0 else chance.randint(1, MOST_ENTRIES)
        choice = list(dict.fromkeys(chance.choices(entries, cum_weights=liked, k=many * 6)))[:many]
        person = new_id()
        voter = [
            Wish(
                person, entry, new_id(), number % OVER_THE_BUS == 0,
                2 if (handed + nth) % SAME_AGAIN == 0 else 1, "counted" if nth < per_day else "over_limit",
            )
            for nth, entry in enumerate(choice)
        ]  # fmt: skip
        if number % ANOTHER == 0:
            first = voter[0]
            voter.append(Wish(first.voter, first.entry, new_id(), first.by_bus, 1, "already_counted"))
        handed += sum(wish.times for wish in voter)
        yield voter


class Voters:
    """Hands ballots in until an instant, and writes down what was answered."""

    def __init__(self, stage: Stage, frontend: Person, until: datetime) -> None:
        self._stage, self._frontend, self._until = stage, frontend, until
        self._free = asyncio.Semaphore(AT_ONCE)
        self.answered = 0
        self.surprises: list[str] = []

    async def vote(self, voters: Sequence[list[Wish]]) -> None:
        """Everybody votes; each voter one ballot after the other, many voters at once."""
        await asyncio.gather(*(self._one(ballots) for ballots in voters))

    async def _one(self, ballots: list[Wish]) -> None:
        async with self._free:
            for wish in ballots:
                if wish.expected != "outside_window" and self._stage.world.now() > self._until:
                    return
                answers = await asyncio.gather(*(self._hand_in(wish) for _ in range(wish.times)))
                for answer in answers:
                    self._note(wish, answer)

    async def _hand_in(self, wish: Wish) -> BallotAnswer:
        ballot = HandInBallot(campaign=self._stage.rulebook.id, entry=wish.entry, voter=wish.voter)
        if wish.by_bus:
            return await self._stage.world.hand_in(ballot, wish.nonce)
        for _ in range(5):
            try:
                body = {**ballot.model_dump(mode="json"), "nonce": wish.nonce}
                return BallotAnswer.model_validate(await self._frontend.post("voting/v1/votes", body))
            except httpx.TransportError:  # the nonce makes it safe to hand the same ballot in again
                await self._stage.world.pause(0.2)
        raise ConnectionError(f"no answer to ballot {wish.nonce}")

    def _note(self, wish: Wish, answer: BallotAnswer) -> None:
        ledger = self._stage.ledger
        self.answered += 1
        self._stage.show.step("vote")
        if answer.outcome != wish.expected:
            self.surprises.append(f"{wish.expected} → {answer.outcome}: {answer.message_en}")
        if answer.ballot is None:
            ledger.ballots_refused[answer.outcome] += 1
        elif answer.ballot in ledger.ballots:
            ledger.ballot_repeats += 1
        else:
            ledger.ballots[BallotId(answer.ballot)] = wish.entry
