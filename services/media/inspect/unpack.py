"""Unpacks the compressed members of a RAR in a jailed child, while every byte of the archive passes once.

The child is given an archive of our own writing: the packed bytes of the members that are asked for, under headers that
say how they are packed and nothing else. Names, links, services, recovery records and whatever else was handed in never
reach it. It reads that from its standard input and writes the members one after the other; where one ends and the next
begins is known from the listing, and CRC or BLAKE2sp say whether it is right.

What comes out is kept in a `Spool`: a RAR cannot be read from its middle as a deflated member can. Where a member's
first bytes say all there is to know of it, no more of it is kept.
"""

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import IO, Final

import rarfile
from zlib_ng import zlib_ng

from services.media.inspect.child import End, Limits, child
from services.media.inspect.formats import DEEP, LOOK, format_of
from services.media.inspect.kept import Beginning, Spool
from services.media.inspect.members import wanted
from services.media.inspect.models import Fault
from services.media.inspect.rar import COMPRESSED, RarEntry
from services.media.inspect.rarblocks import block4, block5, number
from services.media.inspect.source import CutShort, Slice, Source
from services.media.inspect.stalled import no_longer_than
from services.media.inspect.whole import Forward, Proof, ahead, joined, work_off
from services.media.inspect.zip import STORED, Entry

TOOL: Final = ("bsdtar", "-b", "512", "-xOf", "-")
"""Reads 256 KiB at once; by itself 10 KiB, and then whoever feeds it is woken as often."""
SECOND: Final = ("unar", "-quiet", "-no-directory", "-output-directory", "-")
"""For RAR 4, of which libarchive 3.6 knows neither solid archives nor filters; it wants a file it can seek in."""
PACE: Final = 8 * 2**20
"""Bytes a second that unpacking is at least as fast as, on any machine this runs on."""
DENSE: Final = 16
"""Times its packed size that this much may come of; the rest is copied from what came before."""
COPIED: Final = 64 * 2**20
"""Bytes a second that copying is at least as fast as."""
SILENT: Final = 1
"""Seconds of CPU in which the second tool writes something: a filter is a program, and may never end."""
SLOW: Final = "解压过久 takes too long to unpack"
MEMORY: Final = 2 * 2**28
"""Bytes of address space: the largest dictionary admitted, and as much again for the tool."""


class Sum:
    """Counts and sums up what a member really holds."""

    def __init__(self, entry: RarEntry) -> None:
        self.entry = entry
        self.size = self._crc = 0
        self._blake = rarfile.Blake2SP() if entry.check else None

    @property
    def missing(self) -> int:
        return self.entry.size - self.size

    def add(self, data: bytes | memoryview) -> None:
        """Go on with the next bytes."""
        self.size += len(data)
        if self._blake:
            self._blake.update(data)
        else:
            self._crc = zlib_ng.crc32(data, self._crc)

    def faults(self) -> Iterator[Fault]:
        """What does not agree with the header."""
        entry = self.entry
        if self._blake and self._blake.digest() != entry.check:
            yield Fault("crc", "BLAKE2sp", entry.shown)
        elif not self._blake and entry.summed and self._crc != entry.crc:
            yield Fault("crc", f"{self._crc:08x} ≠ {entry.crc:08x}", entry.shown)


@dataclass
class Cut:
    """Cuts what the tool writes into members, each at its declared size."""

    entries: Sequence[RarEntry]
    spool: Spool
    opened: dict[int, Source] = field(default_factory=dict)
    wrong: list[Fault] = field(default_factory=list)
    _sum: Sum | None = None
    _first: bytes | None = None
    """All that is kept of the member that is coming, where that is its first bytes."""
    _done: int = 0

    def add(self, chunk: bytes) -> None:
        """Go on with what the tool wrote next; what follows the last member is let go."""
        rest = memoryview(chunk)
        while len(rest) and self._done < len(self.entries):
            now = self._sum = self._sum or Sum(self.entries[self._done])
            part, rest = rest[: now.missing], rest[now.missing :]
            if not now.size:
                self._first = _first(part, now.entry)
            now.add(part)
            if self._first is None:
                self.spool.write(part)
            if not now.missing:
                self._end(now)

    def _end(self, now: Sum) -> None:
        wrong = list(now.faults())
        self.wrong += wrong
        if not wrong:
            size = now.entry.size
            kept = (
                Slice(self.spool, self.spool.size - size, size) if self._first is None else Beginning(self._first, size)
            )
            self.opened[now.entry.offset] = kept
        self._sum, self._done = None, self._done + 1

    def faults(self, end: End) -> list[Fault]:
        """What is wrong with the members, and the one at which the tool gave up."""
        if self._done == len(self.entries) and (end.ok or self.wrong):
            return self.wrong
        entry = self.entries[min(self._done, len(self.entries) - 1)]
        came = f"{entry.size - (self._sum or Sum(entry)).missing} / {entry.size} B"
        measured = came if end.how == "exit" and self._done < len(self.entries) else end.measured
        if end.how in ("cpu", "timeout"):
            measured = SLOW
        return [*self.wrong, Fault("damaged", measured, entry.shown)]


def _first(part: memoryview, entry: RarEntry) -> bytes | None:
    """The bytes a member begins with, where they say all there is to know of it; None where it has to be kept whole."""
    first = bytes(part[:LOOK])
    told = len(first) == min(LOOK, entry.size)
    return first if told and format_of(first, entry.name) not in DEEP else None


@asynccontextmanager
async def proving_rar(source: Source, entries: Sequence[RarEntry]) -> AsyncIterator[Proof]:
    """Read everything once; `entries` in the order their bytes lie in. What they hold can be read inside the block."""
    packed = list(_to_unpack(entries))
    with Spool(sum(entry.size for entry in packed)) as spool:
        yield await _prove(source, entries, packed, spool)


async def _prove(source: Source, entries: Sequence[RarEntry], packed: Sequence[RarEntry], spool: Spool) -> Proof:
    faults = list[Fault]()
    if packed and not (packed[0].solid and packed[0].version == 4):
        proof, cut = Proof(), Cut(packed, spool)
        async with aclosing(_passing(source, entries, packed, proof)) as archive:
            faults = await _run(TOOL, cut, stdin=archive)
        if not faults:
            proof.opened |= cut.opened
            return proof
    proof = Proof()
    async with aclosing(_passing(source, entries, (), proof)) as archive:
        async for _ in archive:
            pass
    if packed:
        await _second(source, packed, spool, proof, faults)
    return proof


def _to_unpack(entries: Sequence[RarEntry]) -> Iterator[RarEntry]:
    """The members the tool is given: in a solid archive all, for each is packed by what came before it."""
    packed = [entry for entry in entries if entry.method == COMPRESSED and entry.size and not entry.is_folder]
    solid = any(entry.solid for entry in packed)
    if any(entry.wrong for entry in packed) and solid:
        return
    yield from (entry for entry in packed if not entry.wrong and (solid or wanted(entry)))


async def _passing(
    source: Source, entries: Sequence[RarEntry], packed: Sequence[RarEntry], proof: Proof
) -> AsyncGenerator[bytes | memoryview, None]:
    """The archive for the tool, as the whole upload passes; stored members are summed up on the way. Its end comes
    after the upload's, so that a tool that ends well has seen all of it pass."""
    async with aclosing(ahead(source)) as pieces:
        forward = Forward(pieces)
        if packed:
            yield _beginning(packed[0])
        for entry in entries:
            await forward.skip(entry.start - forward.at)
            if entry in packed:
                yield entry.header
                async for chunk in forward.through(entry.packed):
                    yield chunk
            elif wanted(entry) and entry.method == STORED and not entry.wrong:
                await _stored(forward, source, entry, proof)
        await forward.skip(source.size - forward.at)
    if forward.at != source.size:
        raise CutShort(f"streamed {forward.at} of {source.size} bytes")
    proof.sha256 = await forward.hashed()
    if packed:
        yield _ending(packed[0])


async def _stored(forward: Forward, source: Source, entry: RarEntry, proof: Proof) -> None:
    total = Sum(entry)
    await work_off(forward.through(entry.packed), total.add)
    proof.faults += total.faults()
    proof.opened[entry.offset] = Slice(source, entry.start, entry.size)


def opened_in_place(source: Source, entries: Sequence[Entry]) -> dict[int, Source]:
    """The stored members of a RAR, which can be read where they lie, by where their header lies."""
    stored = (each for each in entries if isinstance(each, RarEntry) and wanted(each) and each.method == STORED)
    return {each.offset: Slice(source, each.start, each.size) for each in stored if not each.wrong}


def _beginning(entry: RarEntry) -> bytes:
    if entry.version == 4:
        flags = rarfile.RAR_MAIN_SOLID if entry.solid else 0
        return bytes(rarfile.RAR_ID) + block4(rarfile.RAR_BLOCK_MAIN, flags, bytes(6))
    return bytes(rarfile.RAR5_ID) + block5(1, 0, number(rarfile.RAR5_MAIN_FLAG_SOLID if entry.solid else 0))


def _ending(entry: RarEntry) -> bytes:
    return block4(rarfile.RAR_BLOCK_ENDARC, 0x4000) if entry.version == 4 else block5(5, 0, number(0))


async def _run(
    tool: Sequence[str], cut: Cut, stdin: AsyncIterator[bytes | memoryview] | bytes, files: Sequence[int] = ()
) -> list[Fault]:
    """Run a tool over an archive of ours; what is wrong with the members it was to write."""
    cpu = _seconds(cut.entries)
    total = sum(entry.size for entry in cut.entries)
    limits = Limits(cpu=cpu, wall=3.0 * cpu + 10, memory=MEMORY, output=total, errors=2**14)
    silent = SILENT if files else cpu  # The first one writes when half a dictionary is full.
    async with child(*tool, limits=limits, stdin=stdin, files=files) as running, no_longer_than(silent, running):
        await work_off(joined(running.output()), cut.add)
        return cut.faults(await running.end())


def _seconds(entries: Sequence[RarEntry]) -> int:
    """The CPU that unpacking may take: by what is packed too, for what is declared may be a lie."""
    packed, total = sum(entry.packed for entry in entries), sum(entry.size for entry in entries)
    return 2 + min(total, DENSE * packed) // PACE + total // COPIED


async def _second(source: Source, packed: Sequence[RarEntry], spool: Spool, proof: Proof, faults: list[Fault]) -> None:
    """Ask the second tool, where it may know what the first does not."""
    if packed[0].version == 4:
        spool.clear()
        cut = Cut(packed, spool)
        with tempfile.TemporaryFile() as file:
            await _copy(source, packed, file)
            faults = await _run((*SECOND, f"/dev/fd/{file.fileno()}"), cut, b"", [file.fileno()])
        proof.opened |= cut.opened
    proof.faults += faults


async def _copy(source: Source, packed: Sequence[RarEntry], file: IO[bytes]) -> None:
    """The archive for a tool that seeks, in an unlinked file no larger than the upload. OSError: the disk is full."""
    file.write(_beginning(packed[0]))
    for entry in packed:
        file.write(entry.header)
        async for chunk in source.stream(entry.start, entry.packed):
            await asyncio.to_thread(file.write, chunk)
    file.write(_ending(packed[0]))
    file.flush()
    os.fchmod(file.fileno(), 0o444)  # The child is another user and opens it anew.
