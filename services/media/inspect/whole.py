"""The pass over every byte of a package, once and forward: its SHA-256, and every member's CRC, size and header."""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from contracts.ids import Sha256
from services.media.inspect.inflate import STEP, Marks, Run
from services.media.inspect.members import local_faults, names_length, readable
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.source import CutShort, Source
from services.media.inspect.zip import DEFLATED, LOCAL_HEAD, Entry

PIECE: Final = 2**20
"""Bytes worked on at once, so that handing them to a thread costs little."""


@dataclass(slots=True)
class Proof:
    """What only all the bytes can prove; and places inside deflated members to read on from, by local header."""

    sha256: Sha256 = ""
    faults: list[Fault] = field(default_factory=list)
    marks: dict[int, Marks] = field(default_factory=dict)


async def prove(source: Source, entries: Sequence[Entry] = ()) -> Proof:
    """Read everything once; `entries` in the order their bytes lie in, not overlapping."""
    proof = Proof()
    async with aclosing(_ahead(_pieces(source))) as pieces:
        forward = Forward(pieces)
        for entry in filter(readable, entries):
            try:
                if forward.at > entry.offset:
                    raise Damaged("overlap", f"@{entry.offset} < @{forward.at}")
                await forward.skip(entry.offset - forward.at)
                await _prove_member(forward, entry, proof)
            except Damaged as damage:
                proof.faults.append(Fault(damage.code, damage.measured, entry.shown))
        await forward.skip(source.size - forward.at)
    if forward.at != source.size:
        raise CutShort(f"streamed {forward.at} of {source.size} bytes")
    proof.sha256 = forward.hash.hexdigest()
    return proof


async def _prove_member(forward: "Forward", entry: Entry, proof: Proof) -> None:
    head = await forward.take(LOCAL_HEAD.size)
    names = await forward.take(names_length(head))
    wrong = list(local_faults(entry, head + names))
    if wrong:
        proof.faults += wrong
        return
    tally = Tally(entry, proof.marks.setdefault(entry.offset, Marks()))
    async for chunk in forward.through(entry.packed):
        await asyncio.to_thread(tally.add, chunk)
    proof.faults += tally.faults()


class Tally:
    """Counts and sums up what a member really holds. Nothing past its declared size is inflated."""

    def __init__(self, entry: Entry, marks: Marks) -> None:
        self._entry, self._marks = entry, marks
        self._run = Run()
        self._crc = self._size = 0
        self._over = False

    def add(self, packed: bytes) -> None:
        """Go on with the member's next packed bytes. Damaged where they are no deflate stream."""
        if self._entry.method != DEFLATED:
            self._sum(packed)
        elif not self._over and not self._run.ended:
            self._run.feed(packed)
            self._inflate()

    def _inflate(self) -> None:
        run, limit = self._run, self._entry.size
        while not self._over:
            out = run.step(min(STEP, limit - run.made + 1))
            self._sum(out)
            self._over = run.made > limit
            self._marks.note(run)
            if run.ended or run.hungry:
                return

    def _sum(self, out: bytes) -> None:
        self._crc = zlib.crc32(out, self._crc)
        self._size += len(out)

    def faults(self) -> Iterator[Fault]:
        """What does not agree with the directory."""
        entry = self._entry
        if self._over or self._size != entry.size:
            measured = f"> {entry.size}" if self._over else str(self._size)
            yield Fault("size", f"{measured} ≠ {entry.size} B", entry.shown)
        elif self._crc != entry.crc:
            yield Fault("crc", f"{self._crc:08x} ≠ {entry.crc:08x}", entry.shown)


class Forward:
    """Pieces of a stream taken in any lengths, hashed on their way. At the end of the stream there is less to take."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""
        self.hash = hashlib.sha256()
        self.at = 0

    async def through(self, length: int) -> AsyncIterator[bytes]:
        """The next `length` bytes in chunks."""
        while length > 0:
            if not self._rest:
                self._rest = await anext(self._pieces, b"")
                await asyncio.to_thread(self.hash.update, self._rest)
            chunk, self._rest = self._rest[:length], self._rest[length:]
            if not chunk:
                return
            self.at += len(chunk)
            length -= len(chunk)
            yield chunk

    async def take(self, length: int) -> bytes:
        """The next `length` bytes at once."""
        return b"".join([chunk async for chunk in self.through(length)])

    async def skip(self, length: int) -> None:
        """Hash the next `length` bytes and let them go."""
        async for _ in self.through(length):
            pass


async def _pieces(source: Source) -> AsyncIterator[bytes]:
    """The source's chunks joined into pieces of a good size."""
    waiting, length = list[bytes](), 0
    async for chunk in source.stream(0, source.size):
        waiting.append(chunk)
        length += len(chunk)
        if length >= PIECE:
            yield b"".join(waiting)
            waiting, length = [], 0
    yield b"".join(waiting)


async def _ahead(pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same pieces, each fetched while the one before it is being worked on."""
    coming = asyncio.ensure_future(anext(pieces, b""))
    try:
        while piece := await coming:
            coming = asyncio.ensure_future(anext(pieces, b""))
            yield piece
    finally:
        coming.cancel()
