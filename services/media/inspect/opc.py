"""The parts of an office document and how they refer to each other (ISO/IEC 29500-2: Open Packaging Conventions)."""

import asyncio
import posixpath
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple, TypeVar
from urllib.parse import unquote

from services.media.inspect import bounds
from services.media.inspect.members import open_member, readable
from services.media.inspect.models import Damaged
from services.media.inspect.source import Source
from services.media.inspect.wordml import Declarations
from services.media.inspect.zip import Directory, Entry

RELATIONSHIPS: Final = "_rels/{}.rels"
CONTENT_TYPES: Final = "[content_types].xml"
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


async def parse(source: Source, entry: Entry, reader: Reader) -> Reader:
    """Read one part of XML to its end. Damaged where it is none, or larger than any honest one."""
    if entry.size > bounds.TEXT:
        raise Damaged("absurd", f"{entry.shown}: {entry.size} B")
    member = await open_member(source, entry)
    async for chunk in member.stream(0, member.size):
        await asyncio.to_thread(reader.feed, chunk)
    reader.feed(b"", last=True)
    return reader


async def relationships(source: Source, parts: Mapping[str, Entry], part: str) -> list[Relationship]:
    """What a part refers to; the package itself where it is none."""
    folder, _, name = part.rpartition("/")
    entry = parts.get(posixpath.join(folder, RELATIONSHIPS.format(name)))
    found = list[Relationship]()

    def started(tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(" Relationship"):
            kind = attributes.get("Type", "").rpartition("/")[2]
            external = attributes.get("TargetMode", "").casefold() == "external"
            target = attributes.get("Target", "")
            found.append(Relationship(kind, target if external else _joined(folder, target), external))

    if entry:
        await parse(source, entry, Declarations(started))
    return found


def _joined(folder: str, target: str) -> str:
    return _name(target if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target)))


async def content_types(source: Source, entry: Entry) -> set[str]:
    """All content types the document declares."""
    types = set[str]()
    await parse(source, entry, Declarations(lambda _, attributes: types.add(attributes.get("ContentType", ""))))
    return types


def parts_with_relationships(parts: Mapping[str, Entry]) -> Iterator[str]:
    """The parts that refer to something."""
    for name in parts:
        folder, _, file = name.rpartition("/")
        if folder.endswith("_rels") and file.endswith(".rels"):
            yield posixpath.join(folder.removesuffix("_rels").rstrip("/"), file.removesuffix(".rels"))
