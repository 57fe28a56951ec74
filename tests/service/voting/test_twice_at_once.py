"""One message delivered twice at once, around an instant where decisions change: whatever one delivery does between any
two steps of the other, and wherever it dies, the answer that is kept is true of what is kept."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, permutations
from typing import Any

import pytest

from chassis.delivery import Message
from chassis.ending import ended
from chassis.hearing import Again, Done, Outcome
from chassis.service import Service
from chassis.testing import Issuer, MemoryBus
from contracts.ids import EntryId
from contracts.ingress import HandInBallot, HandInBallots
from services.voting import rules
from services.voting.actions import Voting
from services.voting.app import build_api
from services.voting.models import BallotIn
from services.voting.settings import Settings
from services.voting.store import VotingStore
from tests.service.voting.world import BOOK, CLOSES, OPENS, Vote, somebody

MILLISECOND, SECOND, DAY = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(days=1)
MIDNIGHT = OPENS.replace(hour=16, minute=0, second=0) + DAY
"""In Beijing, in the middle of the vote."""
ORDERS = sorted({"".join(order) for order in permutations("xxxyyy") if order[0] == "x"})
"""Who takes the next step: each is received, keeps a ballot if that counts, and has its answer kept."""
SENT = count(1)
LIMIT = 10
"""Ballots of a day."""


class Delivery:
    """One of the two, which stands still before each step."""

    def __init__(self, service: Service, message: Message, kind: Any) -> None:
        self._service, self._message = service, message
        [self._hearer] = [each for each in service.hears.hearers if each.event is kind]
        self._stands, self._goes = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[Outcome] | None = None
        self._dead = False

    @property
    def over(self) -> bool:
        return self._task is not None and self._task.done()

    async def stand_still(self) -> None:
        self._stands.set()
        await self._goes.wait()
        self._goes.clear()
        if self._dead:
            raise asyncio.CancelledError

    async def step(self) -> None:
        """Go on, to the next step or the end."""
        self._stands.clear()
        if self._task is None:
            held = STEPPING.set(self)
            self._task = asyncio.create_task(self._service.reception.receive(self._hearer, self._message))
            STEPPING.reset(held)
        else:
            self._goes.set()
        stands = asyncio.create_task(self._stands.wait())
        await asyncio.wait([self._task, stands], return_when=asyncio.FIRST_COMPLETED)
        await ended(stands)

    async def outcome(self) -> Outcome:
        """What comes of it in the end."""
        while not self.over:
            await self.step()
        assert self._task is not None
        return self._task.result()

    async def die(self) -> None:
        self._dead = True
        self._goes.set()
        assert self._task is not None
        await ended(self._task)


STEPPING: ContextVar[Delivery | None] = ContextVar("stepping", default=None)


@pytest.fixture
def bus() -> MemoryBus:
    """What is delivered twice is so by the test."""
    return MemoryBus()


@pytest.fixture(autouse=True)
def stepping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ballots are kept, and answers, when the delivery is told to go on."""
    keep, answer = VotingStore.keep, Voting._answer

    async def kept(store: VotingStore, ballots: Any) -> set[int]:
        if (delivery := STEPPING.get()) is not None:
            await delivery.stand_still()
        return await keep(store, ballots)

    async def answered(voting: Voting, said: Any) -> None:
        if (delivery := STEPPING.get()) is not None:
            await delivery.stand_still()
        await answer(voting, said)

    monkeypatch.setattr(VotingStore, "keep", kept)
    monkeypatch.setattr(Voting, "_answer", answered)


Start = Callable[[], Awaitable[Service]]


@pytest.fixture
async def start(vote: Vote, issuer: Issuer) -> AsyncIterator[Start]:
    """Start a process that hears ballots."""
    started: list[Service] = []

    async def begin() -> Service:
        service = build_api(Settings.model_validate(vote.api.settings.model_dump()), vote.clock)
        service.stream = vote.bus.stream
        issuer.admit(service)
        started.append(service)
        return service

    yield begin
    for service in started:
        await service.client.close()


@dataclass(frozen=True)
class Sent:
    """A message of one ballot, alone or as a batch."""

    message: Message
    kind: Any

    @classmethod
    def of(cls, voter: str, entry: str, alone: bool) -> "Sent":
        ballot = HandInBallot(campaign=BOOK.id, entry=EntryId(entry), voter=voter)
        request = ballot if alone else HandInBallots(ballots=(ballot.model_dump(exclude_none=True),))
        name = f"twice-{next(SENT)}"
        body = request.model_dump_json().encode()
        return cls(Message(name, request.topic, body, sender="douyin", reply_to=name), type(request))

    def to(self, service: Service, redelivered: bool = False) -> Delivery:
        return Delivery(service, replace(self.message, redelivered=redelivered), self.kind)

    async def kept(self, vote: Vote) -> int:
        """How many ballots of it there are."""
        nonce = self.message.id + ("" if self.kind is HandInBallot else "/0")
        return await vote.api.database["ballots"].count_documents({"nonce": nonce})

    async def answer(self, service: Service) -> str:
        """What is answered to it in the end, as often as it has to come again."""
        for _ in range(9):
            outcome = await self.to(service, redelivered=True).outcome()
            if isinstance(outcome, Done):
                return said(outcome)
        raise AssertionError(outcome)


def said(outcome: Outcome) -> str:
    """The answer in an outcome; empty where the message is to come again."""
    if isinstance(outcome, Again):
        return ""
    assert isinstance(outcome, Done)
    answer: Any = outcome.answer
    found = answer if isinstance(answer, dict) else answer.model_dump()
    return str(found.get("answers", [found])[0]["outcome"])


async def at_its_limit(vote: Vote, voter: str) -> None:
    """A voter who has used up the day before midnight."""
    handed = [BallotIn(BOOK.id, f"entry-{n}", voter) for n in range(LIMIT)]
    await vote.voting.hand_in("douyin", handed, MIDNIGHT - SECOND)


@pytest.mark.parametrize("late", [timedelta(), 5 * SECOND], ids=["at once", "later"])
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "batch"])
@pytest.mark.parametrize("edge", [OPENS, CLOSES, MIDNIGHT], ids=["opening", "closing", "midnight"])
async def test_message_delivered_twice_at_once_around_an_edge_is_answered_what_is_so(
    vote: Vote, start: Start, edge: datetime, alone: bool, late: timedelta
) -> None:
    await vote.open("bridge", *(f"entry-{n}" for n in range(LIMIT)))
    first, second = await start(), await start()
    for n, order in enumerate(ORDERS):
        sent = Sent.of(somebody(n), "bridge", alone)
        if edge == MIDNIGHT:
            await at_its_limit(vote, somebody(n))
        vote.clock.set(edge - MILLISECOND)
        deliveries = {"x": sent.to(first), "y": sent.to(second, redelivered=True)}
        for who in order:
            if who == "y":
                vote.clock.set(edge + late)
            await deliveries[who].step()
        answers = {said(await each.outcome()) for each in deliveries.values()} - {""}
        vote.clock.set(edge + rules.SETTLED_AFTER + late)
        answers.add(await sent.answer(first))
        assert (order, len(answers), await sent.kept(vote)) == (order, 1, "counted" in answers)


@pytest.mark.parametrize("late", [timedelta(), 5 * SECOND, 13 * SECOND])
@pytest.mark.parametrize("edge", [OPENS, CLOSES], ids=["opening", "closing"])
async def test_message_whose_first_delivery_died_near_an_edge_is_answered_what_is_so(
    vote: Vote, start: Start, edge: datetime, late: timedelta
) -> None:
    await vote.open("bridge")
    second = await start()
    for steps in (1, 2, 3):
        sent = Sent.of(somebody(steps), "bridge", True)
        vote.clock.set(edge - MILLISECOND)
        first = sent.to(await start())
        for _ in range(steps):
            await first.step()
        await first.die()
        vote.clock.set(edge + late)
        at_once = said(await sent.to(second, redelivered=True).outcome())
        vote.clock.set(edge + rules.SETTLED_AFTER + late)
        answer = await sent.answer(second)
        assert (steps, await sent.kept(vote), at_once in ("", answer)) == (steps, answer == "counted", True)


async def test_ballot_taken_before_the_close_by_a_process_that_died_counts_when_it_comes_again_at_once(
    vote: Vote, start: Start
) -> None:
    """And is in the store before the tally can be closed; what comes again later than that could be is refused."""
    await vote.open("bridge")
    outcomes = {}
    for again in (rules.AT_HAND, rules.AT_HAND + MILLISECOND, rules.SETTLED_AFTER):
        sent = Sent.of(somebody(again.seconds), "bridge", True)
        vote.clock.set(CLOSES - MILLISECOND)
        first = sent.to(await start())
        await first.step()
        await first.die()
        vote.clock.set(CLOSES - MILLISECOND + again)
        outcomes[again] = said(await sent.to(await start(), redelivered=True).outcome())
    assert outcomes == {
        rules.AT_HAND: "counted",
        rules.AT_HAND + MILLISECOND: "",
        rules.SETTLED_AFTER: "outside_window",
    }


async def test_message_far_from_any_edge_costs_no_record_of_when_it_was_received(vote: Vote) -> None:
    await vote.open("bridge")
    far = (OPENS - rules.NEAR - MILLISECOND, OPENS + rules.NEAR, CLOSES - rules.NEAR - MILLISECOND, CLOSES + rules.NEAR)
    near = (OPENS - rules.NEAR, OPENS + rules.NEAR - MILLISECOND, MIDNIGHT)
    found = []
    for n, at in enumerate((*far, *near)):
        vote.clock.set(at)
        await vote.bus.hand_in(
            HandInBallot(campaign=BOOK.id, entry=EntryId("bridge"), voter=somebody(n)), "douyin", f"m-{n}"
        )
        found.append(await vote.api.database["received"].count_documents({}))
    assert found == [0, 0, 0, 0, 1, 2, 3]


async def test_message_that_was_answered_while_another_delivery_waited_for_its_turn_is_not_decided_on_again(
    vote: Vote, start: Start
) -> None:
    """However long it waited: what came back is handled one message after the other."""
    await vote.open("bridge")
    first, second = await start(), await start()
    other, sent = Sent.of(somebody(1), "bridge", True), Sent.of(somebody(2), "bridge", True)
    vote.clock.set(OPENS - rules.NEAR - SECOND)
    turn = other.to(second, redelivered=True)
    await turn.step()
    waiting = asyncio.create_task(sent.to(second, redelivered=True).outcome())
    while not second.reception._suspects._waiters:  # noqa: ASYNC110 - a lock tells nobody who waits
        await asyncio.sleep(0)
    assert said(await sent.to(first).outcome()) == "outside_window"
    vote.clock.set(OPENS + 2 * rules.NEAR)
    await turn.outcome()
    assert (said(await waiting), await sent.kept(vote)) == ("outside_window", 0)
