"""Books number the ballots one process keeps, and bring them into the vote stream: each once, whoever dies when.

A ballot is recorded under its book and number before it is answered; the broker knows the highest number it has of each
book. What lies between is owed, and found again by anybody: a process holds a lease on its book, and when that has run
out another seals the book and appends what it owes under the book's own name, so that the broker drops what it has.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from msgspec import Struct, json

from chassis import crash, metrics
from chassis.logs import log
from chassis.streams import Partitioned, Stream, encode
from contracts.events.voting import VoteCast
from contracts.ids import BallotId, CampaignId, EntryId, Revision
from services.voting import rules
from services.voting.models import Ballot
from services.voting.telling.store import Owed, Shelf

LEASE = timedelta(seconds=12)
RENEW_S = 3.0
SURE_S = 1.0
"""So much before its end a lease is no longer relied on."""
CARRIED = 20_000
"""Ballots kept in memory on their way; beyond it they are read from their book."""
PAGE = 2000
DRAWN = 1000
"""Ballots whose ids' secret digits are drawn at once: the system's own randomness costs as much for one."""
AGAIN_S = 1.0
"""Between two tries of a broker that is away."""
LATE_AFTER, FORGET_AFTER = timedelta(seconds=60), timedelta(minutes=15)
"""A sealed book is looked into again for ballots that were under way when it was sealed, and then forgotten."""


def now_s() -> float:
    """Seconds that go on while a machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def vote_cast(ballot: Ballot) -> bytes:
    """What the stream holds of a ballot: VoteCast under the ballot's own id."""
    told = VoteTold(
        ballot.received_at, ballot.id, ballot.campaign, ballot.revision, ballot.entry, ballot.channel, ballot.voter
    )
    subject = f"{VoteCast.subject_field}/{ballot.id}"
    return encode(VoteCast.topic, "zhumeng/voting", subject, ballot.id, ballot.received_at, json.encode(told))


class VoteTold(Struct, frozen=True, gc=False):
    """The body of VoteCast, in half the time the event's own class takes."""

    at: datetime
    ballot: BallotId
    campaign: CampaignId
    revision: Revision
    entry: EntryId
    channel: str
    voter: str


class Book:
    """The book of one process: opened when first needed, given up where it is not certain what became of a write."""

    def __init__(self, shelf: Shelf, stream: Callable[[], Partitioned]) -> None:
        self._shelf, self._stream = shelf, stream
        self._name, self._partition, self._number, self._sure_until = "", "", 0, 0.0
        self._unguessed: list[str] = []
        self._kept = self._appended = 0
        self._carried: list[Ballot] = []
        self._behind = False
        self._carrying: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Have a book with a lease that holds; a fresh one where there is none."""
        if not self._name or not await self.held():
            name = f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(2)}"
            stream = self._stream()
            partitions = await stream.parts() if stream.count > 1 else ()
            asked = now_s()
            self._partition = await self._shelf.add(name, LEASE, partitions)
            self._name, self._number, self._sure_until = name, 0, asked + LEASE.total_seconds() - SURE_S
            self._kept, self._appended, self._carried, self._behind = 0, 0, [], False

    async def held(self) -> bool:
        """Whether the lease holds, or could be renewed; where not, the book is or will be somebody else's."""
        asked = now_s()
        if asked > self._sure_until - LEASE.total_seconds() + RENEW_S:
            held = bool(self._name) and await self._shelf.renew(self._name, LEASE)
            self._sure_until = asked + LEASE.total_seconds() - SURE_S if held else 0.0
        return now_s() < self._sure_until

    async def keep_open(self) -> None:
        """Renew the lease while there is nothing to do."""
        while True:
            await asyncio.sleep(RENEW_S)
            if self._name and not await self.held():
                self.give_up()

    def next_id(self) -> BallotId:
        """An id for the next ballot."""
        self._number += 1
        if not self._unguessed:
            drawn = secrets.token_hex(4 * DRAWN)
            self._unguessed = [drawn[at : at + 8] for at in range(0, len(drawn), 8)]
        return rules.ballot_id(self._name, self._number, self._unguessed.pop())

    def give_up(self) -> None:
        """Use another book from now on; what this one owes is seen to when its lease has run out."""
        self._name, self._sure_until, self._carried = "", 0.0, []

    async def entered(self, ballots: Sequence[Ballot]) -> None:
        """Ballots of this book were kept, in rising order: they go on into the stream, and this does not wait."""
        if not ballots:
            return
        if not await self.held():  # sealed, perhaps before these were kept: they are owed by a book nobody reads again
            late = self._name
            self.give_up()
            await self._shelf.reopen(late)
            return
        self._kept = rules.number_of(ballots[-1].id)
        self._carried += ballots
        if len(self._carried) > CARRIED:
            self._behind, self._carried = True, []
        if self._carrying is None or self._carrying.done():
            self._carrying = asyncio.create_task(self._carry())

    async def brought_on(self) -> bool:
        """Wait a moment for what is on its way into the stream; False where nothing is."""
        if self._carrying is None or self._carrying.done():
            return False
        await asyncio.wait([self._carrying], timeout=1.0)
        return True

    async def _carry(self) -> None:
        """Append until nothing is left; a broker that is away is waited for."""
        while self._name and self._appended < self._kept:
            name, partition, upto, behind = self._name, self._partition, self._kept, self._behind
            some: Sequence[Ballot] = self._carried
            self._carried, self._behind = [], False
            try:
                if behind:
                    some = await self._shelf.ballots(name, self._appended, upto, PAGE)
                await append(await self._stream().part(partition), name, some)
            except (ConnectionError, *self._shelf.outages) as error:
                log().warning("votes_wait", book=name, error=repr(error)[:200])
                self._behind = True
                await asyncio.sleep(AGAIN_S)
                continue
            if name == self._name:
                more = behind and len(some) == PAGE
                self._behind = self._behind or more  # it may have come to carry too many meanwhile
                self._appended = rules.number_of(some[-1].id) if more else upto
                crash.point("marked")

    async def close(self) -> None:
        """Bring what is owed into the stream, as far as that goes quickly, and leave the rest to whoever looks next."""
        for _ in range(5):
            if not await self.brought_on():
                break
        if self._name:
            await self._shelf.release(self._name)


async def append(stream: Stream, producer: str, ballots: Sequence[Ballot]) -> None:
    """Append ballots of one book in their order."""
    await append_numbered(stream, producer, [(rules.number_of(each.id), each) for each in ballots])


async def append_numbered(stream: Stream, producer: str, numbered: Sequence[tuple[int, Ballot]]) -> None:
    """Append ballots under other numbers than those of their books."""
    for start in range(0, len(numbered), PAGE):
        messages = [(number, vote_cast(ballot)) for number, ballot in numbered[start : start + PAGE]]
        await crash.during("published", stream.append(producer, messages))
        crash.point("confirmed")
        metrics.TOLD.labels(VoteCast.topic).inc(len(messages))
        await asyncio.sleep(0)


async def rebuild(shelf: Shelf, stream: Partitioned) -> AsyncIterator[int]:
    """Append every ballot there is to a stream that was made anew, under the names and numbers they had, the books to
    its partitions in turn; yields how many went in. For when nobody holds a book."""
    parts, after, last, turn = await stream.parts(), "", "", -1
    while some := await shelf.page(after, PAGE):
        for book, ballots in groupby(some, key=lambda ballot: rules.book_of(ballot.id)):
            last, turn = book, turn + (book != last)
            await append(await stream.part(parts[turn % len(parts)]), book, list(ballots))
        after = some[-1].id
        yield len(some)


async def settle_owed(shelf: Shelf, stream: Partitioned) -> bool:
    """See to one book nobody holds any more; False where there is none to see to now.

    What is there at the first look is appended under the book's own name, from the highest number the broker has: of
    what its process may still send, all was kept before the book was sealed, so it is among that and the broker drops
    it. Ballots kept later, by a process that did not know yet, go under a name for each look. A look that was cut short
    is begun again soon, by anybody; a book is forgotten only after one that went well.
    """
    if (owed := await shelf.seal(LEASE)) is None:
        return False
    try:
        await _tell_owed(shelf, await stream.part(owed.partition), owed)
    except ConnectionError:
        await shelf.look_in(owed.name, timedelta(seconds=AGAIN_S))
        raise
    await shelf.look_in(owed.name, LATE_AFTER)
    await shelf.forget(owed.name, FORGET_AFTER)
    return True


async def _tell_owed(shelf: Shelf, stream: Stream, owed: Owed) -> None:
    name = owed.name
    since = owed.since if owed.since is not None else await stream.last(name)
    passes = await shelf.mark(name, since, owed.passes + 1)
    for one in range(1, passes + 1):
        producer = name if one == 1 else f"{name}.{one}"
        after = max(since, await stream.last(producer))
        while some := await shelf.marked(name, after, one, PAGE):
            await append(stream, producer, some)
            after = rules.number_of(some[-1].id)
            log().info("owed_votes_told", book=name, votes=len(some))
            crash.point("marked")
            await shelf.look_in(name, LEASE)
