"""The pass over every byte of a package, once and forward: its SHA-256, and every member's CRC, size and header."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, TypeVar

from zlib_ng import zlib_ng

from contracts.ids import Sha256
from services.media.inspect import names
from services.media.inspect.inflate import STEP, Marks, Run
from services.media.inspect.kept import Keeper, Kept
from services.media.inspect.members import (
    DESCRIPTOR_SIZE,
    descriptor_faults,
    legible,
    local_faults,
    member_at,
    names_length,
    wanted,
)
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.source import CutShort, Source
from services.media.inspect.zip import DEFLATED, LOCAL, LOCAL_HEAD, Entry, heeded

PIECE: Final = 4 * 2**20
"""Bytes worked on at once, so that handing them to a thread costs little."""
WAITING: Final = 3
"""Pieces that may wait to be worked on."""
GAP: Final = 2**16
"""Bytes looked at at once of what lies between two members."""
ROOM: Final = 40 * 2**20
"""Bytes kept of all members together; what finds no room is read again."""

Chunk = TypeVar("Chunk", bytes, memoryview)


@dataclass(slots=True)
class Proof:
    """What only all the bytes can prove."""

    sha256: Sha256 | None = None
    faults: list[Fault] = field(default_factory=list)
    opened: dict[int, Source] = field(default_factory=dict)
    """Members that were opened on the way, by where their header lies."""
    room: int = ROOM


async def prove(source: Source, entries: Sequence[Entry] = (), end: int = 0) -> Proof:
    """Read everything once; `entries` in the order their bytes lie in, not overlapping, the last before `end`."""
    proof = Proof()
    async with aclosing(ahead(source)) as pieces:
        forward = Forward(pieces)
        ends = [*(entry.offset for entry in entries[1:]), end]
        for entry, following in zip(entries, ends, strict=True) if entries else ():
            if forward.at > entry.offset:
                proof.faults.append(Fault("overlap", f"@{entry.offset} < @{forward.at}", entry.shown))
            elif legible(entry):
                await forward.skip(entry.offset - forward.at)
                proof.faults += heeded(entry, await _member(source, forward, entry, following, proof))
        await forward.skip(source.size - forward.at)
        proof.sha256 = await forward.hashed()
    if forward.at != source.size:
        raise CutShort(f"streamed {forward.at} of {source.size} bytes")
    return proof


async def _member(source: Source, forward: "Forward", entry: Entry, end: int, proof: Proof) -> list[Fault]:
    """What is wrong with the member whose bytes come next, `end` being where those of another begin."""
    head = await forward.take(LOCAL_HEAD.size)
    head += await forward.take(names_length(head))
    if wrong := list(local_faults(entry, head)):
        return wrong
    stop = forward.at + entry.packed
    if stop > end:
        return [Fault("size", f"{entry.packed} > {end - forward.at} B", entry.shown)]
    faults = await _data(source, forward, entry, proof)
    await forward.skip(stop - forward.at)
    after = await forward.peek(min(DESCRIPTOR_SIZE, end - stop))
    return [*faults, *descriptor_faults(entry, after), *await _hidden(forward, end)]


async def _data(source: Source, forward: "Forward", entry: Entry, proof: Proof) -> list[Fault]:
    """What is wrong with a member's data, which come next and are kept where they are wanted."""
    tally = Tally(entry, Keeper(entry.size, proof.room if wanted(entry) else 0))
    if wanted(entry):
        proof.opened[entry.offset] = Kept(member_at(source, forward.at, entry, tally.marks), tally.keeper)
    try:
        await work_off(forward.through(entry.packed), tally.add)
        return list(tally.faults())
    except Damaged as damage:
        return [Fault(damage.code, damage.measured, entry.shown)]
    finally:
        proof.room -= tally.keeper.kept


async def _hidden(forward: "Forward", end: int) -> list[Fault]:
    """A member that the directory does not list, in what is left before `end`: programs that read forward find it."""
    data = b""
    while forward.at < end and LOCAL not in data:
        data = data[1 - len(LOCAL) :] + await forward.take(min(GAP, end - forward.at))
    if LOCAL not in data:
        return []
    head = data[data.index(LOCAL) :] + await forward.take(min(GAP, end - forward.at))
    name = head[LOCAL_HEAD.size :][: LOCAL_HEAD.unpack_from(head)[-2]] if len(head) >= LOCAL_HEAD.size else b""
    return [Fault("ambiguous", f"目录未列 not listed: {names.shown(names.decoded(name, {}))}")]


class Tally:
    """Counts and sums up what a member really holds. Nothing past its declared size is inflated."""

    def __init__(self, entry: Entry, keeper: Keeper) -> None:
        self._entry, self.keeper, self.marks = entry, keeper, Marks()
        self._run = Run()
        self._crc = self._size = self._behind = 0
        self._over = False

    def add(self, packed: memoryview) -> None:
        """Go on with the member's next packed bytes. Damaged where they are no deflate stream."""
        if self._entry.method != DEFLATED:
            self._sum(packed)
            return
        for at in range(0, len(packed), STEP):
            piece = packed[at : at + STEP]
            if self._run.ended:
                self._behind += len(piece)
            elif not self._over:
                self._run.feed(piece)
                self._inflate()
                self._behind += self._run.unused

    def _inflate(self) -> None:
        run, limit = self._run, self._entry.size
        while not self._over:
            out = run.step(min(STEP, limit - run.made + 1))
            self._sum(out)
            self._over = run.made > limit
            self.marks.note(run)
            if run.ended or run.hungry:
                return

    def _sum(self, out: bytes | memoryview) -> None:
        self._crc = zlib_ng.crc32(out, self._crc)
        self._size += len(out)
        self.keeper.see(out)

    def faults(self) -> Iterator[Fault]:
        """What does not agree with the directory."""
        entry = self._entry
        if self._over or self._size != entry.size:
            measured = f"> {entry.size}" if self._over else str(self._size)
            yield Fault("size", f"{measured} ≠ {entry.size} B", entry.shown)
        elif self._behind:
            yield Fault("size", f"{entry.packed - self._behind} ≠ {entry.packed} B", entry.shown)
        elif self._crc != entry.crc:
            yield Fault("crc", f"{self._crc:08x} ≠ {entry.crc:08x}", entry.shown)


class Forward:
    """Pieces of a stream taken in any lengths, hashed on their way beside what is done with them. At the end of the
    stream there is less to take."""

    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces, self._rest = pieces, memoryview(b"")
        self._hash = hashlib.sha256()
        self._hashing: asyncio.Future[None] | None = None
        self.at = 0

    async def through(self, length: int) -> AsyncIterator[memoryview]:
        """The next `length` bytes in chunks."""
        while length > 0:
            if not self._rest:
                await self._next()
            chunk, self._rest = self._rest[:length], self._rest[length:]
            if not chunk:
                return
            self.at += len(chunk)
            length -= len(chunk)
            yield chunk

    async def _next(self) -> None:
        piece = await anext(self._pieces, b"")
        await self.hashed()
        self._hashing = asyncio.ensure_future(asyncio.to_thread(self._hash.update, piece))
        self._rest = memoryview(piece)

    async def hashed(self) -> Sha256:
        """The hash of all that was taken, up to the end of the last piece."""
        if self._hashing is not None:
            await self._hashing
        return self._hash.hexdigest()

    async def take(self, length: int) -> bytes:
        """The next `length` bytes at once."""
        return b"".join([chunk async for chunk in self.through(length)])

    async def peek(self, length: int) -> bytes:
        """The next `length` bytes, which stay the next."""
        data = bytes(self._rest[:length])
        if len(data) < length:
            data = await self.take(length)
            self._rest, self.at = memoryview(data + bytes(self._rest)), self.at - len(data)
        return data

    async def skip(self, length: int) -> None:
        """Hash the next `length` bytes and let them go."""
        async for _ in self.through(length):
            pass


async def work_off(chunks: AsyncIterator[Chunk], work: Callable[[Chunk], None]) -> None:
    """Do some work on chunks as they come, one after the other in a thread of its own, which finds the next ones
    waiting: it stands still neither for the store nor for the hash nor for the loop. What it raises is raised, and
    ends it."""
    loop, given, going = asyncio.get_running_loop(), deque["asyncio.Future[None]"](), True
    thread = ThreadPoolExecutor(1)

    def do(chunk: Chunk) -> None:
        nonlocal going
        if going:
            going = False
            work(chunk)
            going = True

    try:
        async for chunk in chunks:
            given.append(loop.run_in_executor(thread, do, chunk))
            if len(given) == WAITING:
                await given.popleft()
        while given:
            await given.popleft()
    finally:
        await asyncio.to_thread(thread.shutdown, cancel_futures=True)
        await asyncio.gather(*given, return_exceptions=True)


async def joined(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Chunks joined into pieces of a good size."""
    waiting, length = list[bytes](), 0
    async for chunk in chunks:
        waiting.append(chunk)
        length += len(chunk)
        if length >= PIECE:
            yield b"".join(waiting)
            waiting, length = [], 0
    yield b"".join(waiting)


async def ahead(source: Source) -> AsyncGenerator[bytes, None]:
    """All of a source in pieces, each fetched while the one before it is being worked on."""
    pieces = joined(source.stream(0, source.size))
    coming = asyncio.ensure_future(anext(pieces, b""))
    try:
        while piece := await coming:
            coming = asyncio.ensure_future(anext(pieces, b""))
            yield piece
    finally:
        coming.cancel()
