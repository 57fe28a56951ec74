"""Processes that a test can end between any two steps, in its own event loop: what the dead one did stays, what it had
in memory is gone, and nothing of it runs on."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, TypeVar

from chassis import crash
from chassis.ending import ended
from chassis.streams import Entry, Place, Stream
from services.voting.actions import Voting
from services.voting.models import Ballot
from services.voting.store import VotingStore

T = TypeVar("T")
LIFE: contextvars.ContextVar["Life | None"] = contextvars.ContextVar("life", default=None)
NOWHERE = f"published:{10**9}"


class Died(BaseException):
    """Stands for the end of the process: no handler of errors sees it."""


class Life:
    """One run of a process: everything begun in it, and at which step it is to die."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()
        self.dies_at, self._left = "", 0
        self.dead = asyncio.Event()
        self.pause: Callable[[], Awaitable[None]] | None = None
        """What goes on while it stands still, the next time it is about to write ballots."""
        self.answers: Callable[[], Awaitable[None]] | None = None
        """The same where it is about to keep the answer to a message."""

    def arm(self, point: str, nth: int = 1) -> None:
        """From now on die at a crash point, the nth time it is passed; at none where it has no name."""
        self.dies_at, self._left = point, nth
        crash.arm(NOWHERE if point else "")  # what is passed while something is under way is passed here too

    def passes(self, point: str) -> None:
        """A step; raises Died at the one it is to die at, and at any later one."""
        self._left -= point == self.dies_at
        if self.dies_at == point and self._left <= 0:
            self.dead.set()
        if self.dead.is_set():
            raise Died(point)

    async def does(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What came of some work of the process; None where it died before that."""
        context = contextvars.copy_context()
        context.run(LIFE.set, self)
        doing = asyncio.get_running_loop().create_task(work, context=context)
        over = asyncio.ensure_future(self.dead.wait())
        await asyncio.wait([doing, over], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if doing.done() and not (self.dead.is_set() and isinstance(doing.exception(), Died)):
            return doing.result()
        return None

    async def end(self) -> None:
        """Nothing of it runs on."""
        self.dead.set()
        crash.arm("")
        if WRITING:
            await asyncio.wait(WRITING)
        await ended(*self.tasks)
        for task in self.tasks:
            if not task.cancelled():
                task.exception()


def recorded(loop: asyncio.AbstractEventLoop, work: Any, context: Any = None) -> Any:
    """A task factory that lets each life know its tasks."""
    task = asyncio.Task(work, loop=loop, context=context)
    life = context.get(LIFE) if context is not None else LIFE.get()
    if life is not None:
        life.tasks.add(task)
    return task


def passed(point: crash.CrashPoint) -> None:
    """What a crash point does here: it is a step of the life it is passed in."""
    if (life := LIFE.get()) is not None:
        life.passes(point)


_keep = VotingStore.keep
WRITING: set[asyncio.Task[set[int]]] = set()


async def kept_whole(voting: VotingStore, ballots: Sequence[Ballot]) -> set[int]:
    """`VotingStore.keep`, of which the server ends what it has begun, whoever dies meanwhile."""
    life = LIFE.get()
    if life is not None and life.pause is not None:
        pause, life.pause = life.pause, None
        await pause()
    if life is not None and life.dead.is_set():
        raise Died("a dead process begins no write")
    context = contextvars.copy_context()
    context.run(LIFE.set, None)
    writing = asyncio.get_running_loop().create_task(_keep(voting, ballots), context=context)
    WRITING.add(writing)
    writing.add_done_callback(WRITING.discard)
    return await asyncio.shield(writing)


_answer = Voting._answer


async def answered_in_turn(voting: Voting, answer: Any) -> None:
    """`Voting._answer`, before which something else may go on."""
    life = LIFE.get()
    if life is not None and life.answers is not None:
        pause, life.answers = life.answers, None
        await pause()
    await _answer(voting, answer)


Line = Literal["good", "slow", "cut before", "cut within", "cut after"]
TAKEN: Mapping[Line, float] = {"cut before": 0.0, "cut within": 0.5, "cut after": 1.0}


class Unsure:
    """A stream to which the line is not always good: an append is on its way until it moves again, or the line is lost
    with nothing of it, a part or all of it taken."""

    count = 1

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.line: Line = "good"
        """How the next append will fare; it is good again for the one after that."""
        self.moves = asyncio.Event()
        self.moves.set()

    async def append(self, producer: str, numbered: Sequence[tuple[int, bytes]]) -> None:
        line, self.line = self.line, "good"
        if line == "slow":
            self.moves.clear()
            await self.moves.wait()
        if taken := numbered[: round(len(numbered) * TAKEN.get(line, 1.0))]:
            await self._stream.append(producer, taken)
        if line in TAKEN:
            raise ConnectionError("the line was lost")

    async def last(self, producer: str) -> int:
        return await self._stream.last(producer)

    async def poll(self, place: Place, wait_s: float) -> list[Entry]:
        return await self._stream.poll(place, wait_s)

    async def parts(self) -> Sequence[str]:
        return ("votes",)

    async def part(self, name: str = "") -> Stream:
        return self

    async def answers(self) -> None:
        await self._stream.answers()

    async def stop(self) -> None:
        await self._stream.stop()
