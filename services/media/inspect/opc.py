"""The parts of an office document and how they refer to each other (ISO/IEC 29500-2: Open Packaging Conventions)."""

import asyncio
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar
from urllib.parse import unquote

from services.media.inspect.formats import office
from services.media.inspect.markup import Declarations, Prolog, Spent
from services.media.inspect.members import open_member, readable
from services.media.inspect.models import Damaged
from services.media.inspect.source import Source, head
from services.media.inspect.zip import Directory, Entry

RELATIONSHIPS: Final = "_rels"
CONTENT_TYPES: Final = "[content_types].xml"
PROLOG: Final = 64 * 2**10
"""Bytes in which the first element of any honest part begins."""
MAIN: Final = (
    ("wordprocessingml.document.main", "docx"), ("wordprocessingml.template.main", "docx"),
    ("ms-word.document.macroenabled.main", "docx"), ("spreadsheetml.sheet.main", "xlsx"),
    ("presentationml.presentation.main", "pptx"),
)  # fmt: skip
"""What the main part of a document is called among the content types, and what the document is then."""
Reader = TypeVar("Reader", bound=Declarations)


class Relationship(NamedTuple):
    """That a part refers to another one, or to something outside. `kind` is the last word of its type."""

    kind: str
    target: str
    external: bool


def parts_of(directory: Directory) -> dict[str, Entry]:
    """The readable members by their names as parts, which differ in more than case."""
    parts = dict[str, Entry]()
    for entry in filter(readable, directory.entries):
        parts.setdefault(_name(entry.name), entry)
    return parts


def _name(name: str) -> str:
    return unquote(name.replace("\\", "/")).lstrip("/").casefold()


async def kind_of_zip(source: Source, directory: Directory) -> str:
    """Which of the formats that are zips: by where an office document's parts usually lie, else by what it declares."""
    kind, parts = office({entry.raw for entry in directory.entries}), parts_of(directory)
    if kind != "zip" or CONTENT_TYPES not in parts:
        return kind
    try:
        types = await content_types(source, parts, Spent())
    except Damaged:
        return kind
    return next((kind for word, kind in MAIN if any(word in each for each in types)), kind)


async def parse(source: Source, entry: Entry, reader: Reader) -> Reader:
    """Read one part of XML to its end, at once: expat begins anew with what it has not seen the end of. Damaged where
    it is none, or there is more than any honest document has."""
    reader.spent.add("TEXT", entry.size)
    member = await open_member(source, entry)
    data = b"".join([chunk async for chunk in member.stream(0, member.size)])
    await asyncio.to_thread(reader.feed, data, True)
    return reader


async def refuse_declared(source: Source, entry: Entry) -> None:
    """Damaged where a part that is not read declares a DTD; that it is no XML is nobody's concern."""
    prolog = Prolog(Spent())
    try:
        prolog.feed(await head(await open_member(source, entry), PROLOG))
    except Damaged as damage:
        if damage.code != "damaged":
            raise
    else:
        if not prolog.begun and entry.size > PROLOG:
            raise Damaged("absurd", f"{entry.shown}: > {PROLOG} B")


async def relationships(source: Source, parts: Mapping[str, Entry], spent: Spent) -> dict[str, list[Relationship]]:
    """What each part refers to; the package itself is the part without a name."""
    return {part: await _relationships(source, entry, part, spent) for part, entry in _with_relationships(parts)}


async def _relationships(source: Source, entry: Entry, part: str, spent: Spent) -> list[Relationship]:
    folder, found = posixpath.dirname(part), list[Relationship]()

    def started(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(" Relationship"):
            spent.add("REFERENCES")
            kind = attributes.get("Type", "").rpartition("/")[2]
            external = attributes.get("TargetMode", "").casefold() == "external"
            target = attributes.get("Target", "")
            found.append(Relationship(kind, target if external else _joined(folder, target), external))

    await parse(source, entry, Declarations(spent, started))
    return found


def _joined(folder: str, target: str) -> str:
    return _name(target if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target)))


async def content_types(source: Source, parts: Mapping[str, Entry], spent: Spent) -> set[str]:
    """All content types the document declares, in small letters."""
    types = set[str]()
    if CONTENT_TYPES in parts:
        reader = Declarations(spent, lambda _, attributes: types.add(attributes.get("ContentType", "").casefold()))
        await parse(source, parts[CONTENT_TYPES], reader)
    return types


def _with_relationships(parts: Mapping[str, Entry]) -> Iterator[tuple[str, Entry]]:
    """The parts that refer to something, and what says to what."""
    for name, entry in parts.items():
        folder, _, file = name.rpartition("/")
        if posixpath.basename(folder) == RELATIONSHIPS and file.endswith(".rels"):
            yield posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels")), entry
