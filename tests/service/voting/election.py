"""A public vote in memory and in plain arithmetic: what every ballot has to be answered, and what has to be kept,
streamed and tallied in the end. It knows of no numbers or books, and of processes only what each has seen of a device.

Whatever else can become of a ballot joins here: its answer in `Election.expected`, what of it counts in `tally`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import permutations
from typing import Literal, NamedTuple


@dataclass(frozen=True)
class Poll:
    """What of a campaign's rulebook decides about its vote."""

    id: str
    windows: tuple[tuple[datetime, datetime], ...]
    offset: timedelta
    """Of the clocks people live by, from UTC."""
    channels: frozenset[str]
    """Of those that have a name, the ones that take part."""
    per_entry: int | None = None
    per_day: int | None = None
    per_campaign: int | None = None
    per_device: int | None = None
    """More ballots of one device `within` a span are held."""
    within: timedelta = timedelta()

    def is_open(self, at: datetime) -> bool:
        return any(opens <= at < closes for opens, closes in self.windows)

    def instants(self) -> Iterator[datetime]:
        """Where something changes: openings, closings, and every midnight between the first and the last."""
        yield from (edge for window in self.windows for edge in window)
        first, last = self.windows[0][0], self.windows[-1][1]
        midnight = (first + self.offset).replace(hour=0, minute=0, second=0, microsecond=0) - self.offset
        while (midnight := midnight + timedelta(days=1)) < last:
            yield midnight


@dataclass(frozen=True)
class Ask:
    """A ballot as it is handed in."""

    person: str | None
    """The voter in the campaign; None where nothing of the id can be seen."""
    voter: str
    channel: str
    campaign: str
    entry: str
    nonce: str | None
    """Under which it can be handed in again, whatever gave it one."""
    cast_at: datetime | None
    device: str | None = None


class Answer(NamedTuple):
    outcome: str
    ballot: str | None = None


@dataclass(frozen=True)
class Vote:
    """A ballot that is kept and uses its voter's limits."""

    id: str
    entry: str
    nonce: str | None
    at: datetime
    """In whole milliseconds."""
    channel: str
    cast_at: datetime | None
    held: bool = False
    """When it was handed in, it was to wait for somebody's decision."""


HALF_A_MINUTE = timedelta(seconds=30)
NEW = "a vote of its own"
"""Stands for an id nobody has seen yet."""
COUNTED, HELD = Answer("counted", NEW), Answer("held", NEW)
Do = Literal["count", "void"]


@dataclass
class Watched:
    """What one process must have seen of each device in a campaign, and what it may have."""

    answered: dict[tuple[str, str, str], list[datetime]] = field(default_factory=lambda: defaultdict(list))
    handed: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def hold(self, poll: Poll, device: tuple[str, str, str], new: Sequence[Answer], handed: int, at: datetime) -> None:
        """Hold the new ballots of a device, answered at one time, against what was seen of it: in the last four fifths
        of the span at least, and at most whatever ever came, each decided on as often as it could be."""
        assert poll.per_device is not None
        self.handed[device] += handed
        before = [seen for seen in self.answered[device] if at - seen < poll.within * 4 / 5]
        self.answered[device] += [at] * len(new)
        outcomes = Counter(answer.outcome for answer in new)
        assert outcomes["counted"] <= max(0, poll.per_device - len(before)), f"not held at {at}: {new} after {before}"
        assert not outcomes["held"] or self.handed[device] > poll.per_device, f"held at {at}: {new}, the first of all"


@dataclass
class Election:
    """Every ballot that was kept so far, by voter, and what was decided since."""

    polls: Mapping[str, Poll]
    named: frozenset[str]
    """Channels somebody is listed for."""
    approved: set[str] = field(default_factory=set)
    votes: dict[str, list[Vote]] = field(default_factory=lambda: defaultdict(list))
    decided: dict[str, Do] = field(default_factory=dict)
    """The last decision on a ballot."""
    restored: set[str] = field(default_factory=set)
    """Ballots that somebody once had count."""

    def expected(self, ask: Ask, at: datetime, votes: Sequence[Vote]) -> list[Answer]:
        """What may be answered to a ballot after the voter's earlier votes. It is one thing, but for a nonce that is
        given to two entries: that is the channel's mistake, of which a process may not know yet; and for a new one of a
        device that may be held."""
        if ask.person is None:
            return [Answer("malformed")]
        under = next((vote for vote in votes if vote.nonce == ask.nonce is not None), None)
        if under is not None and under.entry == ask.entry:
            return [Answer("held" if under.held else "counted", under.id)]
        fresh = self._fresh(ask, at, votes)
        if under is not None:
            return [Answer("nonce_reused"), *([] if fresh == COUNTED else [fresh])]
        return [COUNTED, HELD] if fresh == COUNTED and self.watches(ask) else [fresh]

    def watches(self, ask: Ask) -> bool:
        """Whether a ballot can be held for its device."""
        poll = self.polls.get(ask.campaign)
        return ask.device is not None and poll is not None and poll.per_device is not None

    def is_near(self, asks: Sequence[Ask], at: datetime) -> bool:
        """Whether something changes for any of some ballots within half a minute."""
        return self._changes(asks, at - HALF_A_MINUTE, at + HALF_A_MINUTE)

    def holds_back(self, asks: Sequence[Ask], first: datetime, now: datetime) -> bool:
        """Whether nobody can know yet what became of ballots of one message that came before, and comes now."""
        return timedelta(seconds=2) < now - first < timedelta(seconds=12) and self._changes(asks, first, now)

    def _changes(self, asks: Sequence[Ask], after: datetime, upto: datetime) -> bool:
        polls = [self.polls[campaign] for campaign in {ask.campaign for ask in asks} & self.polls.keys()]
        return any(after < edge <= upto for poll in polls for edge in poll.instants())

    def _fresh(self, ask: Ask, at: datetime, votes: Sequence[Vote]) -> Answer:
        poll = self.polls.get(ask.campaign)
        if poll is None or (ask.channel in self.named and ask.channel not in poll.channels):
            return Answer("not_votable")
        if f"{ask.campaign}/{ask.entry}" not in self.approved:
            return Answer("not_votable")
        day = (at + poll.offset).date()
        used = (
            (poll.per_entry, [vote for vote in votes if vote.entry == ask.entry]),
            (poll.per_day, [vote for vote in votes if (vote.at + poll.offset).date() == day]),
            (poll.per_campaign, list(votes)),
        )
        full = [(most, mine) for most, mine in used if most is not None and len(mine) >= most]
        for most, mine in full:
            if most == 1 and mine[0].entry == ask.entry:
                return Answer("held" if mine[0].held else "already_counted", mine[0].id)
        if not poll.is_open(at):
            return Answer("outside_window")
        return Answer("over_limit") if full else COUNTED

    def hold(self, answered: Sequence[tuple[Ask, Answer]], at: datetime, at_once: bool = False) -> None:
        """Hold answers against what had to be answered, and note the new votes; AssertionError where no order of each
        voter's ballots explains them: the order they came in, unless they came at once."""
        for person, mine in _by_person(answered):
            votes = list(self.votes[person or ""])
            orders: Iterable[Sequence[tuple[Ask, Answer]]] = permutations(mine) if at_once else [mine]
            explained = (self._after(votes, order, at) for order in orders)
            after = next((each for each in explained if each is not None), None)
            assert after is not None, f"at {at}, after {votes}, answered {mine}: {self._said(votes, mine, at)}"
            self.votes[person or ""] = after

    def _after(self, votes: list[Vote], answered: Sequence[tuple[Ask, Answer]], at: datetime) -> list[Vote] | None:
        """The voter's votes when these were answered in this order; None where they cannot have been."""
        after = list(votes)
        for ask, answer in answered:
            expected = self.expected(ask, at, after)
            if Answer(answer.outcome, NEW) in expected and answer.ballot is not None:
                if any(vote.id == answer.ballot for vote in after):
                    return None
                after.append(_vote(ask, answer.ballot, at, answer.outcome == "held"))
            elif answer not in expected:
                return None
        return after

    def _said(self, votes: list[Vote], answered: Sequence[tuple[Ask, Answer]], at: datetime) -> str:
        return f"expected {[self.expected(ask, at, votes) for ask, _ in answered]}, had each come alone"

    def learn(self, unanswered: Sequence[Ask], at: datetime, kept: Mapping[str, Sequence[Vote]]) -> None:
        """Note what was kept, by voter, of ballots nobody answered; AssertionError where one was that did not count, or
        one before it was not."""
        for person, mine in _by_person([(ask, Answer("")) for ask in unanswered]):
            left = list(kept.get(person or "", ()))
            for ask, _ in mine:
                votes = self.votes[person or ""]
                if not left or COUNTED not in (expected := self.expected(ask, at, votes)):
                    continue
                vote = left.pop(0)
                assert vote == _vote(ask, vote.id, at, vote.held and HELD in expected), f"kept {vote} of {ask} at {at}"
                votes.append(vote)
            assert left == [], f"kept, though it did not count: {left} of {mine} at {at}"

    def decide(self, do: Do, ballots: Iterable[str]) -> None:
        """Somebody has ballots count, or voids them."""
        for ballot in ballots:
            self.decided[ballot] = do
            if do == "count":
                self.restored.add(ballot)

    def kept(self) -> dict[str, Vote]:
        """All ballots by their ids."""
        return {vote.id: vote for votes in self.votes.values() for vote in votes}

    def of(self, campaign: str) -> list[str]:
        """The ballots of a campaign."""
        mine = [votes for person, votes in self.votes.items() if person.startswith(f"{campaign}/")]
        return [vote.id for votes in mine for vote in votes]

    def held(self, campaign: str) -> list[str]:
        """Those that wait for a decision."""
        kept = self.kept()
        return [ballot for ballot in self.of(campaign) if self.state(kept[ballot]) == "held"]

    def state(self, vote: Vote) -> str:
        """What a ballot is now."""
        done = {"count": "counted", "void": "voided"}
        return done[self.decided[vote.id]] if vote.id in self.decided else "held" if vote.held else "counted"

    def told(self) -> set[str]:
        """The ballots that have to be in the stream: all that ever counted."""
        return {vote.id for vote in self.kept().values() if not vote.held or vote.id in self.restored}

    def numbered(self) -> list[str]:
        """Voters with the numbers of their ballots, from 1 without a gap."""
        return sorted(f"{person}/{n}" for person, votes in self.votes.items() for n in range(1, len(votes) + 1))

    def tally(self, campaign: str) -> Counter[str]:
        """How often each entry was voted for."""
        kept = self.kept()
        mine = [kept[ballot] for ballot in self.of(campaign)]
        return Counter(vote.entry for vote in mine if self.state(vote) == "counted")


def _vote(ask: Ask, ballot: str, at: datetime, held: bool) -> Vote:
    whole = at.replace(microsecond=at.microsecond // 1000 * 1000)
    return Vote(ballot, ask.entry, ask.nonce, whole, ask.channel, ask.cast_at, held)


def _by_person(answered: Iterable[tuple[Ask, Answer]]) -> Iterator[tuple[str | None, list[tuple[Ask, Answer]]]]:
    found: dict[str | None, list[tuple[Ask, Answer]]] = defaultdict(list)
    for ask, answer in answered:
        found[ask.person].append((ask, answer))
    yield from found.items()
