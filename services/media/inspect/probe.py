"""Measures a package in place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from contracts.rulebook import Slot
from contracts.rulebook.material import ArchiveContainer, PartRules
from services.media.inspect import bounds
from services.media.inspect.documents import read_docx
from services.media.inspect.formats import LOOK, family_of, format_of, office, old_office
from services.media.inspect.images import read_jpeg
from services.media.inspect.inflate import Marks
from services.media.inspect.members import open_member, readable, wanted
from services.media.inspect.models import Content, Damaged, Fault, File, PackageFacts
from services.media.inspect.mp4 import read_mp4
from services.media.inspect.source import Blocks, Source, exactly, head
from services.media.inspect.whole import Proof, prove
from services.media.inspect.zip import Directory, Entry, read_directory

OLE_HEADER: Final = 512
MOVIES: Final = frozenset({"mp4", "mov", "3gp", "m4a"})


async def measure(source: Source, slot: Slot, name: str = "") -> PackageFacts:
    """What lies in a package and what it is like, read as far as the slot asks. `name` is the upload's file name and
    helps only where the bytes do not tell what they are. A malformed package is a fact; an error of the store raises.

    The structure is read by ranges; then every byte passes once, for the SHA-256 and what only all bytes can prove.
    """
    blocks = Blocks(source)
    kind, directory, faults = await _recognise(blocks, name)
    if isinstance(slot.container, ArchiveContainer):
        proof = await prove(source, directory.entries if directory else ())
        return await _archive(
            blocks, slot, PackageFacts(kind, source.size, proof.sha256, None, faults), directory, proof
        )
    proof = await prove(source)
    key = (source.size, int(proof.sha256[:8], 16))
    file = File(name, source.size, kind, family_of(kind, name), key)
    content, wrong = await _look(blocks, file, slot)
    files = (replace(file, content=content),)
    return PackageFacts(kind, source.size, proof.sha256, files, (*faults, *wrong))


async def _recognise(source: Source, name: str) -> tuple[str, Directory | None, tuple[Fault, ...]]:
    """What an upload is by its bytes; its directory if it is a zip, or what is wrong with that."""
    kind = format_of(await head(source, LOOK), name)
    if kind not in ("zip", "unknown", "ole"):
        return kind, None, ()
    try:
        if kind == "ole":
            return old_office(await _ole_directory(source)), None, ()
        directory = await read_directory(source)
    except Damaged as damage:
        return kind, None, (Fault(damage.code, damage.measured),) if kind != "unknown" else ()
    kind = office({entry.raw for entry in directory.entries})
    return kind, directory if kind == "zip" else None, directory.faults if kind == "zip" else ()


async def _archive(
    source: Source, slot: Slot, facts: PackageFacts, directory: Directory | None, proof: Proof
) -> PackageFacts:
    """The facts of an archive with those of the files in it."""
    if facts.format == "rar":
        return replace(facts, faults=(Fault("unchecked", "rar"),))
    if directory is None:
        return facts
    entries = list(filter(wanted, directory.entries))
    faults = [*facts.faults, *proof.faults]
    if len(entries) > bounds.FILES:
        return replace(facts, faults=(*faults, Fault("too-many", f"{len(entries)} > {bounds.FILES}")))
    files = list[File]()
    for entry in entries:
        file, wrong = await _member(source, _still_asked(slot, files), entry, proof.marks.get(entry.offset))
        files.append(file)
        faults += [] if any(fault.file == file.name for fault in faults) else wrong
    return replace(facts, files=tuple(files), faults=tuple(faults))


def _still_asked(slot: Slot, files: Sequence[File]) -> Slot:
    """The slot without the parts of which more is there than it allows: that fails whatever the rest may be like."""
    return slot.model_copy(update={"rules": tuple(part for part in slot.rules if not _too_many(part, files))})


def _too_many(part: PartRules, files: Sequence[File]) -> bool:
    least = part.count.min or 1
    most = part.count.max or (bounds.FILES if part.kind == "images" else max(least, bounds.DOCUMENTS))
    return sum(file.family == part.kind for file in files) > most


async def _member(source: Source, slot: Slot, entry: Entry, marks: Marks | None) -> tuple[File, Sequence[Fault]]:
    kind, key = format_of(b"", entry.name), (entry.size, entry.crc)
    file = File(entry.shown, entry.size, kind, family_of(kind, entry.name), key)
    if not readable(entry):
        return file, ()
    try:
        member = await open_member(source, entry, marks)
        kind = await _kind(member, entry.name)
    except Damaged as damage:
        return file, (Fault(damage.code, damage.measured, file.name),)
    file = replace(file, format=kind, family=family_of(kind, entry.name))
    content, wrong = await _look(member, file, slot)
    return replace(file, content=content), wrong


async def _kind(source: Source, name: str) -> str:
    """The format of a file, office documents told apart. Damaged where it is behind a password."""
    match format_of(await head(source, LOOK), name):
        case "zip":
            return await _zip_kind(source)
        case "ole":
            return old_office(await _ole_directory(source))
        case kind:
            return kind


async def _zip_kind(source: Source) -> str:
    """Which of the formats that are zips; one that cannot be listed is named by what it is, a zip."""
    try:
        return office({entry.raw for entry in (await read_directory(source)).entries})
    except Damaged:
        return "zip"


async def _ole_directory(source: Source) -> bytes:
    """The first sector of an OLE file's directory, where its main streams are named (MS-CFB, 2.2 and 2.6)."""
    header = await head(source, OLE_HEADER)
    shift, sector = int.from_bytes(header[30:32], "little"), int.from_bytes(header[48:52], "little")
    start = (sector + 1) << shift if shift in (9, 12) else source.size
    return await exactly(source, start, min(2 * OLE_HEADER, source.size - start)) if start < source.size else b""


async def _look(source: Source, file: File, slot: Slot) -> tuple[Content | None, tuple[Fault, ...]]:
    """What a file holds, if the slot asks for its kind, and what is wrong with it."""
    try:
        return await _content(source, file, slot), ()
    except Damaged as damage:
        return None, (Fault(damage.code, damage.measured, file.name),)


async def _content(source: Source, file: File, slot: Slot) -> Content | None:
    if not file.size:
        raise Damaged("damaged", "0 B")
    match file.family, file.format:
        case "video", kind if slot.video and kind in MOVIES:
            return await read_mp4(source)
        case "images", "jpg" if slot.images:
            return await read_jpeg(source)
        case "document", "docx" if slot.document:
            return await read_docx(source, await read_directory(source))
        case "document", "doc" if slot.document:
            raise Damaged("unchecked", "doc")
        case "archive", kind if isinstance(slot.container, ArchiveContainer):
            raise Damaged("nested", kind)
        case _:
            return None
