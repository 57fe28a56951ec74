"""What there is to show in a package, each file as bytes to read."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import BinaryIO, Literal

from contracts.rulebook import Slot
from services.media.inspect.formats import LOOK, format_of
from services.media.inspect.members import open_member, readable, wanted
from services.media.inspect.models import Damaged
from services.media.inspect.opc import kind_of_zip
from services.media.inspect.rar import RarEntry, read_rar
from services.media.inspect.source import Blocks, Source, head
from services.media.inspect.unpack import proving_rar
from services.media.inspect.zip import read_directory

Show = Literal["video", "jpeg", "png", "document"]


class NotTheSame(Exception):
    """A file of the package is not the one that was checked."""


@dataclass(frozen=True)
class Piece:
    """A file to show. `crc` is what its bytes have to come to, where the package says so."""

    name: str
    show: Show
    source: Source
    crc: int | None = None

    async def copy(self, to: BinaryIO) -> None:
        """Write all of it, and see that it is what the package says. NotTheSame where it is not."""
        crc = 0
        async for chunk in self.source.stream(0, self.source.size):
            crc = zlib.crc32(chunk, crc)
            await asyncio.to_thread(to.write, chunk)
        await asyncio.to_thread(to.flush)
        if self.crc is not None and crc != self.crc:
            raise NotTheSame(f"{self.name}: {crc:08x} ≠ {self.crc:08x}")


async def pieces(source: Source, name: str, slot: Slot) -> AsyncGenerator[Piece, None]:
    """The files to show, in the order they lie in: those its slot asks about, for nothing was found in others.
    `source` may be the file itself."""
    blocks = Blocks(source)
    kind = format_of(await head(blocks, LOOK), name)
    if kind == "rar":
        async with aclosing(_of_rar(source, slot)) as members:
            async for piece in members:
                yield piece
        return
    if kind != "zip":
        if show := _show(kind, slot):
            yield Piece(name, show, source)
        return
    directory = await read_directory(blocks)
    if (kind := await kind_of_zip(blocks, directory)) != "zip":
        if show := _show(kind, slot):
            yield Piece(name, show, source)
        return
    for entry in filter(readable, filter(wanted, directory.entries)):
        with suppress(Damaged):  # a file nobody asked for, or the package would not have passed
            member = await open_member(blocks, entry)
            if show := _show(await _format(member, entry.name), slot):
                yield Piece(entry.shown, show, member, entry.crc)


async def _of_rar(source: Source, slot: Slot) -> AsyncGenerator[Piece, None]:
    """The same of a RAR, whose members are unpacked and held against their checksums as it passes."""
    directory = await read_rar(Blocks(source))
    entries = [entry for entry in directory.entries if isinstance(entry, RarEntry)]
    async with proving_rar(source, entries) as proof:
        for fault in proof.faults:
            raise NotTheSame(f"{fault.file}: {fault.measured}")
        for entry in filter(wanted, entries):
            with suppress(Damaged):
                member = proof.opened.get(entry.offset)
                if member and (show := _show(await _format(member, entry.name), slot)):
                    yield Piece(entry.shown, show, member)


async def _format(member: Source, name: str) -> str:
    kind = format_of(await head(member, LOOK), name)
    return await kind_of_zip(member, await read_directory(member)) if kind == "zip" else kind


def _show(kind: str, slot: Slot) -> Show | None:
    """How a file of some format is shown where the slot asks about it; everything else stays in the package."""
    match kind:
        case "mp4" | "mov" if slot.video:
            return "video"
        case "jpg" if slot.images:
            return "jpeg"
        case "png" if slot.images and slot.images.format.holds("png"):
            return "png"
        case "docx" if slot.document:
            return "document"
        case _:
            return None
