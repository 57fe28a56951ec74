"""The pipes between us and a child, used as soon as its end lets us, with no copy but the kernel's."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from typing import Final

CHUNK: Final = 2**20
"""Bytes read at once, and bytes a wide pipe holds: who works at one end need not be woken for each bit of them."""

MUCH: Final = CHUNK // 32
"""Bytes found at once from which on more are expected soon."""
FILLS: Final = 0.003
"""Seconds in which they come, of whatever unpacks 100 MB a second: a third of what a wide pipe holds."""


class Pipe:
    """Our end of a pipe, and `theirs`, which the child inherits."""

    def __init__(self, ours: FileIO, theirs: FileIO) -> None:
        self._ours, self.theirs, self.wide = ours, theirs, False
        os.set_blocking(ours.fileno(), False)

    def widen(self) -> None:
        """Let it hold more; where the system grants no more, it stays as it is."""
        with suppress(OSError):
            self.wide = fcntl.fcntl(self._ours, fcntl.F_SETPIPE_SZ, CHUNK) >= CHUNK

    def close(self) -> None:
        """Close both ends, as far as they are still open."""
        self._ours.close()
        self.theirs.close()

    async def _ready(self, watch: Callable[..., None], leave: Callable[[int], object]) -> None:
        ready, number = asyncio.Event(), self._ours.fileno()
        watch(number, ready.set)
        try:
            await ready.wait()
        finally:
            leave(number)


class FromChild(Pipe):
    """What a child writes."""

    def __init__(self) -> None:
        ours, theirs = os.pipe()
        super().__init__(FileIO(ours, "r"), FileIO(theirs, "w"))
        self._found = 0

    async def read(self) -> bytes:
        """What is there, once there is something; nothing at the end. A wide pipe is left to fill for a moment where it
        did not before, rather than emptied each time the child has added to it."""
        loop = asyncio.get_running_loop()
        if self.wide and MUCH <= self._found < CHUNK // 2:
            await asyncio.sleep(FILLS)
        while (data := self._ours.read(CHUNK)) is None:
            await self._ready(loop.add_reader, loop.remove_reader)
        self._found = len(data)
        return data


class ToChild(Pipe):
    """What a child reads."""

    def __init__(self) -> None:
        theirs, ours = os.pipe()
        super().__init__(FileIO(ours, "w"), FileIO(theirs, "r"))

    async def write(self, data: bytes | memoryview) -> None:
        """Give it all of this. BrokenPipeError where it has closed its end."""
        loop, rest = asyncio.get_running_loop(), memoryview(data)
        while rest:
            if written := self._ours.write(rest):
                rest = rest[written:]
            else:
                await self._ready(loop.add_writer, loop.remove_writer)


class Pipes:
    """All of one child's: standard input, output and errors, and what its jail says."""

    def __init__(self) -> None:
        self.input, self.output, self.errors, self.status = ToChild(), FromChild(), FromChild(), FromChild()
        self._all = (self.input, self.output, self.errors, self.status)
        self.input.widen()
        self.output.widen()
        self.errors.widen()

    def hand_over(self) -> None:
        """The child has its ends: let go of them, so that each side sees the other leave."""
        for pipe in self._all:
            pipe.theirs.close()

    def close(self) -> None:
        """Let go of everything."""
        for pipe in self._all:
            pipe.close()
