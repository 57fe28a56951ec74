"""The ballot box: ballots that come at the same time are decided on and kept together, one bulk write for all.

What makes one vote once is the unique number of each ballot of a voter: a decision made on ballots 1 to n-1 can only be
kept as ballot n, so it holds whatever other processes do. What a process remembers of a voter is only where it begins.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import chain, takewhile

from chassis import crash
from chassis.logs import log
from chassis.refusal import Unavailable
from contracts.ids import BallotId, EntryId
from contracts.rulebook import Rulebooks
from services.voting import rules
from services.voting.models import Answered, Ballot, Counts, Handed, Held, NotVotable, OutsideWindow, Votable
from services.voting.store import VotingStore
from services.voting.telling.books import Book
from services.voting.watch import Watch

GROUP, REQUESTS = 1000, 250
"""Ballots decided on together, at most, and of how many requests: of more, all would be answered at once, and nobody
would have anything to do meanwhile."""
WAITING = 50_000
"""Ballots that may wait for their turn; more are told to come again."""
PATIENCE_S, LOOK_S = 8.5, 0.25
"""How long anybody waits for an answer, and how often it is looked who waited for longer."""
REMEMBERED = 20_000
"""Voters whose ballots are remembered."""
UNDECIDED = NotVotable("campaign")
"""Stands where an answer will be."""


class Waiting:
    """Some ballots handed in together, until each has its answer."""

    __slots__ = ("answers", "done", "handed", "left", "since")

    def __init__(self, handed: Sequence[Handed]) -> None:
        self.handed = handed
        self.answers: list[Answered] = [UNDECIDED] * len(handed)
        self.left = len(handed)
        loop = asyncio.get_running_loop()
        self.since = loop.time()
        self.done: asyncio.Future[list[Answered]] = loop.create_future()

    def settle(self, at: int, answer: Answered) -> None:
        """Note an answer; with the last one, whoever handed in goes on."""
        self.answers[at] = answer
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(self.answers)

    def fail(self, error: Exception) -> None:
        """Nothing can be said in time, or at all."""
        if not self.done.done():
            self.done.set_exception(error)


Item = tuple[Waiting, int]


class BallotBox:
    """Decides on ballots, one group after the other."""

    def __init__(self, store: VotingStore, rulebooks: Rulebooks, named: frozenset[str], book: Book) -> None:
        self._store, self._rulebooks, self._named, self.book = store, dict(rulebooks), named, book
        self._queue: deque[Item] = deque()
        self._group: list[Item] = []
        self._looking: asyncio.TimerHandle | None = None
        self._working: asyncio.Task[None] | None = None
        self._voters: OrderedDict[str, Sequence[Ballot]] = OrderedDict()
        self._entries: dict[EntryId, Votable] = {}
        self._watch = Watch()

    async def hand_in(self, handed: Sequence[Handed]) -> list[Answered]:
        """What became of each ballot, once all that count are kept. Unavailable where that is not known in time: some
        may count, and the same ballots under the same nonces may be handed in again."""
        if not handed:
            return []
        if len(self._queue) > WAITING:
            raise Unavailable("more ballots are waiting than can be answered in time")
        waiting = Waiting(handed)
        self._queue.extend([(waiting, at) for at in range(len(handed))])
        if self._looking is None:
            self._look_for_late()
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await waiting.done

    def _look_for_late(self) -> None:
        """Fail who waited for too long, now and again while anybody waits: one timer for all. Whoever came first is
        in front."""
        loop = asyncio.get_running_loop()
        before, late = loop.time() - PATIENCE_S, Unavailable("not decided in time")
        for waiting, _ in takewhile(lambda item: item[0].since < before, chain(self._group, self._queue)):
            waiting.fail(late)
        again = self._group or self._queue
        self._looking = loop.call_later(LOOK_S, self._look_for_late) if again else None

    async def _work(self) -> None:
        while self._queue:
            await asyncio.sleep(0)  # whoever is about to hand in comes into this group
            group = self._group = self._next()
            try:
                await self._decide(group)
            except Exception as error:  # noqa: BLE001 - whatever it was, it is not known what was kept
                log().error("ballots_undecided", ballots=len(group), error=repr(error)[:300])
                self.book.give_up()
                self._forget(group)
                for waiting, _ in group:
                    waiting.fail(Unavailable(repr(error)[:200]))
        self._group = []

    def _next(self) -> list[Item]:
        """Take a group from the front of the queue."""
        group, requests, last = list[Item](), 0, None
        while self._queue and len(group) < GROUP:
            if self._queue[0][0] is not last:
                if requests == REQUESTS:
                    break
                requests, last = requests + 1, self._queue[0][0]
            group.append(self._queue.popleft())
        return group

    async def _decide(self, group: list[Item]) -> None:
        """Decide on what can be decided on, keep what counts; the rest goes back to the front of the queue."""
        await self._look_up({waiting.handed[at].entry for waiting, at in group} - self._entries.keys())
        await self.book.open()
        counted, again, outside = self._sorted(group)
        await self._settle_outside(outside)
        refused = await self._store.keep([ballot for _, _, ballot in counted]) if counted else set()
        crash.point("committed")
        kept = [each for place, each in enumerate(counted) if place not in refused]
        await self.book.entered([ballot for _, _, ballot in kept if not ballot.held])
        for waiting, at, ballot in kept:
            person = waiting.handed[at].person
            self._remember(person, (*self._voters.get(person, ()), ballot))
            waiting.settle(at, Held(ballot.id) if ballot.held else Counts(ballot))
        if refused:
            lost = [counted[place] for place in sorted(refused)]
            known = await self._store.ballots_of([waiting.handed[at].person for waiting, at, _ in lost])
            for person, ballots in known.items():
                self._remember(person, ballots)
            again = [(waiting, at) for waiting, at, _ in lost] + again
        self._queue.extendleft(reversed(again))

    async def _settle_outside(self, outside: list[Item]) -> None:
        """Answer ballots that came while no window was open, with the voters' ballots as they are kept: none of these
        can count, but any may be the repeat of one that another process counted."""
        persons = dict.fromkeys(waiting.handed[at].person for waiting, at in outside)
        known = await self._store.ballots_of(list(persons)) if outside else {}
        for waiting, at in outside:
            waiting.settle(at, self._decided(waiting.handed[at], self.book.next_id(), known[waiting.handed[at].person]))

    def _decided(self, handed: Handed, spare: BallotId, earlier: Sequence[Ballot]) -> Answered:
        rulebook, entry = self._rulebooks.get(handed.campaign), self._entries.get(handed.entry)
        return rules.decide(handed, spare, rulebook, entry, earlier, self._named)

    def _sorted(self, group: list[Item]) -> tuple[list[tuple[Waiting, int, Ballot]], list[Item], list[Item]]:
        """What is to be kept, at most one ballot of a voter; what has to wait for the voter's other ballot; and what
        came while no window was open."""
        counted: list[tuple[Waiting, int, Ballot]] = []
        again: list[Item] = []
        outside: list[Item] = []
        busy: set[str] = set()
        spare = self.book.next_id()
        for waiting, at in group:
            handed = waiting.handed[at]
            if waiting.done.done():
                continue
            if (person := handed.person) in busy:
                again.append((waiting, at))
            else:
                decision = self._decided(handed, spare, self._voters.get(person, ()))
                if isinstance(decision, OutsideWindow):
                    outside.append((waiting, at))
                elif isinstance(decision, Counts):
                    busy.add(person)
                    counted.append(
                        (waiting, at, self._watch.seen(decision.ballot, handed, self._rulebooks.get(handed.campaign)))
                    )
                    spare = self.book.next_id()
                else:
                    waiting.settle(at, decision)
        return counted, again, outside

    async def _look_up(self, unknown: set[EntryId]) -> None:
        """Read entries not seen yet. An approval is never taken back, so one that was read holds."""
        if unknown:
            self._entries |= {entry.id: entry for entry in await self._store.votable(unknown)}

    def _remember(self, person: str, ballots: Sequence[Ballot]) -> None:
        self._voters[person] = ballots
        self._voters.move_to_end(person)
        while len(self._voters) > REMEMBERED:
            self._voters.popitem(last=False)

    def _forget(self, group: list[Item]) -> None:
        for waiting, at in group:
            self._voters.pop(waiting.handed[at].person, None)
