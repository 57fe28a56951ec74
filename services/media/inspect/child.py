"""Runs the tools that parse what was handed in: the one way anything that is not pure Python on memory we bound is run.

    done = await run("ffprobe", "-i", "/dev/fd/5", limits=Limits(), files=[5])      # done.output, done.end
    async with child("bsdtar", "-xOf", "-", limits=Limits(), stdin=chunks) as tool:  # the same as it comes
        async for chunk in tool.output():
            ...
        (await tool.end()).require()                                                # Damaged unless it was exit 0

`stdin` is bytes, an iterator of chunks, a descriptor, or nothing. A descriptor in `files` keeps its number in the
child: a tool that wants a file name gets `/dev/fd/N` (the descriptor of a memfd or of an unlinked file that others may
read: the child has another uid). The tool's working folder is empty, private, in memory of `limits.disk` bytes, and
gone with it, however it or its parent ends. See `jail` for what it cannot do.

`ToolMissing`, `NoJail` and any other OSError are the operator's, so is the end of a tool that the machine killed; what
`stdin`'s iterator raises is the store's and raised again, and time spent waiting for it does not count; all the tool
itself does wrong is an `End`, and the file's.
"""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, TypeVar

from services.media.inspect.allowance import Allowance
from services.media.inspect.models import Damaged
from services.media.inspect.pipes import FromChild, Pipes, ToChild
from services.media.inspect.tools import PATH, ToolMissing, find

How = Literal["exit", "signal", "cpu", "timeout", "overrun"]
"""`cpu`: CPU time used up; `timeout`: wall clock used up; `overrun`: it wrote more than it may."""
SHOWN_ERRORS: Final = 2**12
"""Bytes of a tool's error output that are kept."""
GATHERS: Final = 0.02
"""Seconds in which error output that is listened to gathers: it comes line by line."""
ENVIRONMENT: Final = {"PATH": PATH, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
LAUNCH: Final = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import jail; jail.start()"
MISSING: Final = (126, 127)
"""What a tool ends with that could not be loaded."""
FOREIGN: Final = (signal.SIGKILL, signal.SIGTERM)
"""Signals that no tool brings on itself: the machine is out of memory, or being stopped."""
BY_SIGNAL: Final[dict[int, How]] = {signal.SIGXCPU: "cpu", signal.SIGXFSZ: "overrun"}
Input = bytes | AsyncIterator[bytes] | AsyncIterator[bytes | memoryview] | int
Value = TypeVar("Value")


class NoJail(OSError):
    """The machine does not let us lock a child in: the operator's fault."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use: seconds of CPU and of wall clock, bytes of address space, of one file and of its whole
    folder, of standard and error output; open descriptors; threads. `nice`: how far it stands back for others."""

    cpu: int = 20
    wall: float = 30.0
    memory: int = 2**29
    file: int = 0
    disk: int = 0
    output: int = 2**24
    errors: int = 2**16
    descriptors: int = 32
    threads: int = 16
    nice: int = 0


DEFAULT: Final = Limits()


@dataclass(frozen=True, slots=True)
class End:
    """How a child ended. `code` is the exit status or the signal; `errors` the first of what it wrote there, which is
    for the log: a hostile file may have written it."""

    tool: str
    how: How
    code: int
    errors: str = ""

    @property
    def ok(self) -> bool:
        return self.how == "exit" and self.code == 0

    @property
    def measured(self) -> str:
        """The same in a few words, the same on every run."""
        return f"{self.tool}: {self.how}" + (f" {self.code}" if self.how in ("exit", "signal") else "")

    def blame(self) -> None:
        """OSError where it was not the file that ended it."""
        if self.how == "exit" and self.code in MISSING:
            raise ToolMissing(self.code, self.errors, self.tool)
        if self.how == "signal" and self.code in FOREIGN:
            raise InterruptedError(f"{self.measured}, by the machine")

    def require(self) -> None:
        """Damaged unless it ended well."""
        if not self.ok:
            raise Damaged("damaged", self.measured)


@dataclass(frozen=True, slots=True)
class Done:
    """What a child wrote, and how it ended."""

    output: bytes
    end: End


@dataclass
class Child:
    """A running tool."""

    tool: str
    limits: Limits
    process: asyncio.subprocess.Process
    pipes: Pipes
    time: Allowance
    lost: tuple[str, ...] = ()
    """Walls of the jail that the machine did not grant: `network`, `disk`, `uid`."""
    hears: Callable[[bytes], None] | None = None
    """Told all of its error output, where that is more than complaints."""
    written: int = 0
    """Bytes of its standard output that came."""
    _stopped: How | None = None
    _errors: bytearray = field(default_factory=bytearray)
    _drained: asyncio.Event = field(default_factory=asyncio.Event)

    async def output(self) -> AsyncIterator[bytes]:
        """Its standard output in chunks; the child is killed where it writes too much or for too long. What the reader
        takes between two chunks is not the child's time."""
        while chunk := await self._in_time(self.pipes.output.read) or b"":
            self.written += len(chunk)
            if self.written > self.limits.output:
                self.stop("overrun")
                return
            self.time.pause("reader")
            yield chunk
            self.time.go_on("reader")

    async def end(self) -> End:
        """How it ended, once it has; what it still wants to write is thrown away. OSError: the machine ended it."""
        async for _ in self.output():
            pass
        await self._in_time(self.process.wait)
        code = await self.process.wait()
        await self._drained.wait()
        how: How = "exit" if code >= 0 else BY_SIGNAL.get(-code, "signal")
        ended = End(self.tool, self._stopped or how, abs(code), self._errors.decode(errors="replace"))
        ended.blame()
        return ended

    async def _in_time(self, work: Callable[[], Coroutine[None, None, Value]]) -> Value | None:
        while True:
            try:
                async with asyncio.timeout_at(self.time.deadline):
                    return await work()
            except TimeoutError:
                if self.time.spent():
                    self.stop("timeout")
                    return None

    def stop(self, why: How | None = None) -> None:
        """Kill it and whatever it started; `why` counts where it is the first reason."""
        self._stopped = self._stopped or why
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def drain(self) -> None:
        """Keep the first of the error output and read on, so that the tool never waits; too much ends it."""
        written = 0
        while chunk := await self.pipes.errors.read():
            self._errors += chunk[: SHOWN_ERRORS - len(self._errors)]
            written += len(chunk)
            if written > self.limits.errors:
                self.stop("overrun")
            elif self.hears:
                self.hears(chunk)
                await asyncio.sleep(GATHERS)
        self._drained.set()

    async def feed(self, pipe: ToChild, chunks: AsyncIterator[bytes | memoryview]) -> None:
        """Give it its standard input; a tool that has read enough may close it."""
        try:
            self.time.pause("store")
            async for chunk in chunks:
                self.time.go_on("store")
                await pipe.write(chunk)
                self.time.pause("store")
            self.time.go_on("store")
            pipe.close()
        except BrokenPipeError:
            return
        except BaseException:
            self.stop()
            raise


@asynccontextmanager
async def child(
    tool: str,
    *arguments: str,
    limits: Limits = DEFAULT,
    stdin: Input = b"",
    files: Sequence[int] = (),
    hears: Callable[[bytes], None] | None = None,
) -> AsyncIterator[Child]:
    """Start a tool in its jail; it does not outlive the block. What `stdin`'s iterator raises ends the tool and is
    raised at the end of the block, whatever the block made of it."""
    path = find(tool)
    with closing(Pipes()) as pipes:
        running = await _start(tool, path, arguments, limits, pipes, stdin, files)
        running.hears = hears
        tasks = [asyncio.create_task(running.drain())]
        if not isinstance(stdin, int):
            chunks = _chunks(stdin) if isinstance(stdin, bytes) else stdin
            tasks.append(asyncio.create_task(running.feed(pipes.input, chunks)))
        try:
            yield running
        finally:
            running.stop()
            await _settle(running, tasks)


async def _settle(running: Child, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let go of everything; raise what the store raised."""
    await running.process.wait()
    for task in tasks[1:]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result


async def run(
    tool: str, *arguments: str, limits: Limits = DEFAULT, stdin: Input = b"", files: Sequence[int] = ()
) -> Done:
    """Run a tool to its end and collect what it wrote."""
    async with child(tool, *arguments, limits=limits, stdin=stdin, files=files) as running:
        output = b"".join([chunk async for chunk in running.output()])
        return Done(output, await running.end())


async def lost_walls() -> tuple[str, ...]:
    """What this machine does not grant a child: `network` (no interface; sockets are refused either way), `disk` (read
    only), `uid` (of its own). NoJail where it grants too little to run one at all."""
    async with child("true") as running:
        await running.end()
        return running.lost


async def _start(
    tool: str, path: str, arguments: Sequence[str], limits: Limits, pipes: Pipes, stdin: Input, files: Sequence[int]
) -> Child:
    status = pipes.status.theirs.fileno()
    numbers = (limits.cpu, limits.memory, limits.file, limits.disk, limits.descriptors, limits.threads, limits.nice)
    jailed = (str(os.getpid()), str(status), ",".join(map(str, numbers)), path, *arguments)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", LAUNCH, *jailed),
        stdin=stdin if isinstance(stdin, int) else pipes.input.theirs,
        stdout=pipes.output.theirs,
        stderr=pipes.errors.theirs,
        env=ENVIRONMENT,
        start_new_session=True,
        pass_fds=(status, *files),
    )
    pipes.hand_over()
    running = Child(tool, limits, process, pipes, Allowance(process.pid, limits.wall))
    try:
        running.lost = await _walls(pipes.status)
    except BaseException:
        running.stop()
        await process.wait()
        raise
    return running


async def _walls(status: FromChild) -> tuple[str, ...]:
    """What the jail says before the tool begins."""
    said = b""
    while more := await status.read():
        said += more
    word, *rest = said.decode(errors="replace").split() or ["silent"]
    if word != "in" or "failed" in rest:
        raise NoJail(
            errno.EPERM, f"无法隔离子进程 a child cannot be locked in: {said.decode(errors='replace').strip()}"
        )
    return tuple(rest)


async def _chunks(given: bytes) -> AsyncIterator[bytes]:
    yield given
