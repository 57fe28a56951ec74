"""Measures a package in place."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from contracts.rulebook import Slot
from contracts.rulebook.material import ArchiveContainer, FileContainer, PartRules
from services.media.inspect import bounds
from services.media.inspect.decode import Budget, film_decodes
from services.media.inspect.documents import read_docx
from services.media.inspect.ends import OutOfReach
from services.media.inspect.formats import LOOK, MOVIES, claimed, family_of, format_of, looks_like
from services.media.inspect.images import read_jpeg
from services.media.inspect.members import open_member, readable, wanted
from services.media.inspect.models import Content, Damaged, Document, Fault, File, Image, PackageFacts, Video
from services.media.inspect.mp4 import read_mp4
from services.media.inspect.names import shown
from services.media.inspect.ole import old_office, old_word
from services.media.inspect.opc import kind_of_zip
from services.media.inspect.photos import photo_decodes
from services.media.inspect.png import png_decodes, read_png
from services.media.inspect.rar import RarEntry
from services.media.inspect.recognise import recognise
from services.media.inspect.rules import judge
from services.media.inspect.source import BLOCK, Blocks, Source, head
from services.media.inspect.unpack import opened_in_place, proving_rar
from services.media.inspect.whole import Proof, prove
from services.media.inspect.zip import DEFLATED, STORED, Directory, Entry, read_directory

SMALL: Final = 2**20
"""Packages up to this are read in one request."""
REQUEST: Final = 2**19
"""Bytes that are streamed in the time of one ranged read."""
LONG: Final = 8 * 2**20
"""Packed bytes that are streamed and inflated in the time looking at both ends takes."""


async def measure_first(source: Source, slot: Slot, name: str = "") -> PackageFacts:
    """What ranges can prove: the directory, every header, the content of the files the slot asks about; of a long video
    that is deflated, what its two ends say. Where that means reading nearly every byte anyway, as in a small package,
    or where the ends do not say that all is well, every byte is read at once, and what takes no time is decoded: where
    that was all, the facts say so by being `complete`, and `measure` need not follow."""
    package = await _open(source, slot, name)
    if _ranges_cost(package.entries, source.size) < source.size:
        try:
            facts = await _facts(package, slot, Proof(opened=opened_in_place(package.blocks, package.entries)))
        except OutOfReach:
            return await _prove(package, slot, Budget(bounds.QUICK, bounds.QUICK, partly=False))
        if not any(map(_by_ends, package.entries)) or judge(facts, slot).outcome != "fail":
            return facts
    return await _prove(package, slot, Budget(bounds.QUICK, bounds.QUICK, partly=False))


async def measure(source: Source, slot: Slot, name: str = "", budget: Budget | None = None) -> PackageFacts:
    """Everything: what the ranges prove, and what needs every byte, which is the SHA-256, every member's CRC, what it
    really inflates to, and that all pictures of a film and its sound can be decoded, as far as a `budget` goes that
    honest packages do not use up. So it finds all that `measure_first` finds, and can only turn a pass into a fail.

    `name` is the upload's file name and helps only where the bytes do not tell what they are. A malformed package is a
    fact; an error of the store raises. Pure: the same bytes and slot give the same facts on every run."""
    return await _prove(await _open(source, slot, name), slot, budget or Budget(bounds.DECODED))


@dataclass(frozen=True, slots=True)
class Package:
    """An upload of which the ends are read, and what they say it is."""

    blocks: Blocks
    name: str
    kind: str
    directory: Directory | None
    faults: tuple[Fault, ...]
    entries: Sequence[Entry]
    """The directory's, where an archive is asked for."""


async def _open(source: Source, slot: Slot, name: str) -> Package:
    blocks = Blocks(source, source.size if source.size <= SMALL else BLOCK)
    await blocks.fetch_ends(BLOCK)
    kind, directory, faults = await recognise(blocks, name)
    listed = directory if isinstance(slot.container, ArchiveContainer) else None
    return Package(blocks, name, kind, directory, faults, listed.entries if listed else ())


async def _prove(package: Package, slot: Slot, budget: Budget) -> PackageFacts:
    async with _proving(package) as proof:
        return replace(await _facts(package, slot, proof, budget), put_off=budget.put_off)


async def _facts(package: Package, slot: Slot, proof: Proof, budget: Budget | None = None) -> PackageFacts:
    """The facts of an upload; without a `budget` nothing is tried in a decoder."""
    blocks, kind = package.blocks, package.kind
    facts = PackageFacts(kind, blocks.size, proof.sha256, None, package.faults)
    if isinstance(slot.container, ArchiveContainer):
        return await _archive(blocks, slot, facts, package.directory, proof, budget)
    kind = kind if blocks.size else claimed(package.name) or kind
    family, called = family_of(kind, package.name), shown(package.name)
    content, wrong = None, tuple(replace(each, file=called, inside=family) for each in package.faults)
    file = File(called, blocks.size, kind, family, (blocks.size, 0))
    if not wrong:
        content, wrong = await _look(blocks, file, slot, budget)
    return replace(facts, files=(replace(file, content=content),), faults=wrong)


def _ranges_cost(entries: Sequence[Entry], everything: int) -> int:
    """What looking into members by ranges costs, in bytes that could be streamed instead."""
    files = list(filter(wanted, entries))
    if any(isinstance(entry, RarEntry) and entry.method != STORED for entry in files):
        return everything
    deflated = (LONG if _by_ends(entry) else entry.packed for entry in files if entry.method == DEFLATED)
    return REQUEST * (2 + len(files)) + sum(deflated)


def _by_ends(entry: Entry) -> bool:
    """Whether only the ends of a member are looked at first: of what is a video by its name."""
    return entry.method == DEFLATED and entry.packed > LONG and claimed(entry.name) in MOVIES


@asynccontextmanager
async def _proving(package: Package) -> AsyncIterator[Proof]:
    """What only all the bytes can prove of an archive; members opened on the way can be read inside the block."""
    if package.kind == "rar" and package.entries:
        entries = [entry for entry in package.entries if isinstance(entry, RarEntry)]
        async with proving_rar(package.blocks, entries) as proof:
            yield proof
    else:
        yield await prove(package.blocks, package.entries, package.directory.start if package.directory else 0)


async def _archive(
    source: Source,
    slot: Slot,
    facts: PackageFacts,
    directory: Directory | None,
    proof: Proof,
    budget: Budget | None,
) -> PackageFacts:
    """The facts of an archive with those of the files in it."""
    if directory is None:
        return facts
    entries = list(filter(wanted, directory.entries))
    if not entries:
        facts = replace(facts, faults=(*facts.faults, Fault("empty", f"0 / {len(directory.entries)}")))
    faults = [*facts.faults, *proof.faults]
    if len(entries) > bounds.FILES:
        return replace(facts, faults=(*faults, Fault("too-many", f"{len(entries)} > {bounds.FILES}")))
    files = list[File]()
    for entry in entries:
        tried = sum(isinstance(each.content, Video | Image) for each in files) < bounds.TRIED
        file, wrong = await _member(source, _still_asked(slot, files), entry, proof, budget if tried else None)
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


async def _member(
    source: Source, slot: Slot, entry: Entry, proof: Proof, budget: Budget | None
) -> tuple[File, Sequence[Fault]]:
    kind, key = shown(claimed(entry.name)) if claimed(entry.name) else "unknown", (entry.size, entry.crc)
    family = family_of(kind, entry.name)
    file = File(entry.shown, entry.size, kind, family, key, claims=family)
    opened = proof.opened.get(entry.offset)
    if not entry.size:
        return file, _blank(file, slot)
    if not opened and (isinstance(entry, RarEntry) or not readable(entry)):
        return file, ()
    try:
        member = opened or await open_member(source, entry, by_ends=not proof.sha256 and _by_ends(entry))
    except Damaged as damage:
        return file, (Fault(damage.code, damage.measured, file.name),)
    try:
        kind = await _kind(member, entry.name)
    except Damaged as damage:
        return file, (Fault(damage.code, damage.measured, file.name, inside="document"),)
    file = replace(file, format=kind, family=family_of(kind, entry.name))
    content, wrong = await _look(member, file, slot, budget)
    return replace(file, content=content), wrong


def _blank(file: File, slot: Slot) -> tuple[Fault, ...]:
    """That a file the slot asks for is empty; of others that says nothing."""
    asked = isinstance(slot.container, FileContainer) or any(part.kind == file.family for part in slot.rules)
    return (Fault("blank", "0 B", file.name),) if asked else ()


async def _kind(source: Source, name: str) -> str:
    """The format of a file, office documents told apart. Damaged where it is behind a password."""
    match format_of(await head(source, LOOK), name):
        case "zip":
            return await _zip_kind(source, name)
        case "ole":
            return await old_office(source, name)
        case kind:
            return kind


async def _zip_kind(source: Source, name: str) -> str:
    """Which of the formats that are zips. One that cannot be listed is a zip, or Damaged where its name says more."""
    try:
        return await kind_of_zip(source, await read_directory(source))
    except Damaged:
        if looks_like("zip", name) != "zip":
            raise
        return "zip"


async def _look(
    source: Source, file: File, slot: Slot, budget: Budget | None
) -> tuple[Content | None, tuple[Fault, ...]]:
    """What a file holds, if the slot asks for its kind, and what is wrong with it; with a budget it is decoded too."""
    if not file.size:
        return None, _blank(file, slot)
    try:
        content = await _content(source, file, slot)
    except Damaged as damage:
        return None, (Fault(damage.code, damage.measured, file.name, file.family),)
    dangers = content.dangers if isinstance(content, Document) else ()
    wrong = tuple(Fault(each.code, each.measured, file.name, file.family) for each in dangers)
    return content, (*wrong, *(await _tried(source, file, slot, content, budget) if budget else ()))


async def _tried(source: Source, file: File, slot: Slot, content: Content | None, budget: Budget) -> tuple[Fault, ...]:
    """What a decoder has to say of a film or a photograph."""
    match content:
        case Video():
            sound = slot.video.sound if slot.video else None
            return await film_decodes(source, file.name, budget, heard=sound is not None and sound.level == "required")
        case Image():
            undecoded = await (png_decodes if file.format == "png" else photo_decodes)(source, file.name, budget)
            return (undecoded,) if undecoded else ()
        case _:
            return ()


async def _content(source: Source, file: File, slot: Slot) -> Content | None:
    match file.family, file.format:
        case "video", kind if slot.video and kind in MOVIES:
            return await read_mp4(source)
        case "images", "jpg" if slot.images:
            return await read_jpeg(source)
        case "images", "png" if slot.images and slot.images.format.holds("png"):
            return await read_png(source)
        case "document", "docx" if slot.document:
            return await read_docx(source, await read_directory(source))
        case "document", "doc" if slot.document:
            raise await old_word(source)
        case "archive", kind if isinstance(slot.container, ArchiveContainer):
            raise Damaged("nested", kind)
        case _:
            return None
