"""A deflated member read as if it lay there unpacked: anywhere, in bounded memory, nothing written."""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator
from typing import Final

from zlib_ng import zlib_ng

from services.media.inspect.models import Damaged
from services.media.inspect.source import BLOCK, Ahead, Source

MARK_EVERY: Final = 4 * 2**20
"""Bytes of output between two remembered places; each costs some 45 kB (zlib's window and state)."""
STEP: Final = 2**18
"""The most bytes inflated at once: what a core's cache holds beside the packed ones."""
FEED: Final = 4 * BLOCK
"""Packed bytes given to a run at once: what it has not used yet is copied with every step."""
PATIENCE: Final = 4
"""How many times a member may be inflated all in all, `PATIENCE_FREE` bytes aside, for readers that jump about."""
PATIENCE_FREE: Final = 256 * 2**20


class Run:
    """One run through a deflate stream: `fed` packed bytes are used up, `made` bytes have come out."""

    def __init__(self, inflater: "zlib_ng._Decompress | None" = None, fed: int = 0, made: int = 0) -> None:
        self._inflater = inflater or zlib_ng.decompressobj(-zlib_ng.MAX_WBITS)
        self._waiting: bytes | memoryview = b""
        self._more = False
        self.fed, self.made = fed, made

    @property
    def ended(self) -> bool:
        """Whether the stream's own end was reached."""
        return self._inflater.eof

    @property
    def hungry(self) -> bool:
        """Whether it needs packed bytes to go on; zlib may hold output back although all of them are used up."""
        return not self._waiting and not self._more

    @property
    def unused(self) -> int:
        """How many of the packed bytes given come after the stream's end."""
        return len(self._inflater.unused_data)

    def feed(self, packed: bytes | memoryview) -> None:
        """Give the packed bytes that follow the last ones given."""
        self._waiting = packed
        self.fed += len(packed)

    def step(self, at_most: int) -> bytes:
        """The next bytes, no more than asked for. Damaged where this is no deflate stream."""
        try:
            out = self._inflater.decompress(self._waiting, at_most)
        except zlib_ng.error as error:  # type: ignore[misc] # its stubs call the class an instance
            raise Damaged("damaged", str(error)) from error
        self._waiting = b"" if self.ended else self._inflater.unconsumed_tail
        self._more = len(out) == at_most and not self.ended
        self.made += len(out)
        return out

    def again(self) -> "Run":
        """Another run that goes on from here."""
        inflater = self._inflater.copy()  # type: ignore[attr-defined] # left out of its stubs
        run = Run(inflater, self.fed - len(self._waiting), self.made)
        run._more = self._more
        return run


class Marks:
    """Places a stream can be read from again."""

    def __init__(self) -> None:
        self._runs = [Run()]

    def note(self, run: Run) -> None:
        """Remember where a run is, if that is far enough from the last place."""
        if run.made - self._runs[-1].made >= MARK_EVERY and not run.ended:
            self._runs.append(run.again())

    def before(self, start: int) -> Run:
        """A run from the nearest remembered place that is not past `start`."""
        return self._runs[bisect_right(self._runs, start, key=lambda run: run.made) - 1].again()


class Inflated:
    """The source that a deflate stream stands for. `size` is the declared one; where the stream ends before it,
    reading is Damaged, and what comes after it is never inflated."""

    def __init__(self, packed: Source, size: int, marks: Marks | None = None) -> None:
        self._packed, self._marks = Ahead(packed), marks or Marks()
        self._run = self._marks.before(0)
        self._left = PATIENCE * size + PATIENCE_FREE
        self.size = size

    async def read(self, start: int, length: int) -> bytes:
        return b"".join([chunk async for chunk in self.stream(start, length)])

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        run = self._run_before(start)
        while run.made < start + length:
            if run.hungry:
                await self._feed(run)
            wanted = start - run.made if run.made < start else start + length - run.made
            at = run.made
            chunk = await asyncio.to_thread(run.step, min(wanted, STEP))
            self._account(run, len(chunk))
            if at >= start and chunk:
                yield chunk

    def _run_before(self, start: int) -> Run:
        marked = self._marks.before(start)
        if not marked.made <= self._run.made <= start:
            self._run = marked
        return self._run

    async def _feed(self, run: Run) -> None:
        length = min(FEED, self._packed.size - run.fed)
        if run.ended or length <= 0:
            raise Damaged("size" if run.ended else "truncated", f"{run.made} < {self.size} B")
        run.feed(await self._packed.read(run.fed, length))

    def _account(self, run: Run, made: int) -> None:
        self._marks.note(run)
        self._left -= made
        if self._left < 0:
            raise Damaged("absurd", f"> {PATIENCE} × {self.size} B")
