"""Reads a docx in place: its 字数, the pictures in it, and whatever in it runs or loads something when it is opened."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Final

from services.media.inspect.counting import count
from services.media.inspect.formats import LOOK, format_of
from services.media.inspect.images import read_jpeg
from services.media.inspect.members import open_member
from services.media.inspect.models import Damaged, Danger, Document, Embedded, FaultCode
from services.media.inspect.opc import (
    CONTENT_TYPES,
    Relationship,
    content_types,
    parse,
    parts_of,
    parts_with_relationships,
    relationships,
)
from services.media.inspect.source import Source, head
from services.media.inspect.wordml import Declarations, Reading, leads_away
from services.media.inspect.zip import Directory, Entry

TEXT: Final = "word/document.xml"
MEDIA: Final = "word/media/"
NOTES: Final = frozenset({"footnotes", "endnotes"})
"""Parts whose text counts as the running text does."""
ASIDE: Final = frozenset({"header", "footer", "comments", "glossaryDocument"})
"""Parts with text that does not count, and with fields that are run all the same."""
MACROS: Final = ("macroenabled", "vbaproject")
CLICKED: Final = frozenset({"hyperlink", "video", "audio", "media"})
"""References outside that are followed by a click and not before."""
KINDS: Final[dict[str, FaultCode]] = {
    "oleObject": "ole", "control": "ole", "aFChunk": "altchunk", "vbaProject": "macros", "subDocument": "linked",
}  # fmt: skip
"""What a reference of some kind means wherever it leads."""


async def read_docx(source: Source, directory: Directory) -> Document:
    """The text's length: the body with its tables and text boxes, foot- and endnotes; headers, footers and comments
    are none of it, as in Word. Damaged where the text is missing, a part is no XML, or declares a DTD."""
    for fault in directory.faults:
        if fault.code not in ("surplus", "name", "case"):
            raise Damaged(fault.code, fault.measured)
    parts = parts_of(directory)
    text = await body_of(source, parts)
    related = await relationships(source, parts, text)
    counted, aside = [text, *_named(related, NOTES, parts)], [*_named(related, ASIDE, parts)]
    readings = [await parse(source, parts[name], Reading()) for name in counted + aside]
    pieces = ["".join(reading.pieces) for reading in readings[: len(counted)]]
    length = await asyncio.to_thread(count, "\n".join(pieces))
    dangers = {danger: None for reading in readings for danger in reading.dangers}
    told = {code for code, _ in dangers}
    for code, measured in await _package(source, {name: parts[name] for name in parts if name not in counted + aside}):
        if measured not in KINDS or code not in told:
            dangers[code, measured] = None
    media = [entry for name, entry in parts.items() if name.startswith(MEDIA)]
    pictures = [await _picture(source, entry) for entry in media]
    return Document(length, tuple(pictures), tuple(Danger(*danger) for danger in dangers))


async def body_of(source: Source, parts: Mapping[str, Entry]) -> str:
    """The name of the part that is the document itself. Damaged where there is none."""
    starts = await relationships(source, parts, "")
    text = next((each.target for each in starts if each.kind == "officeDocument"), TEXT)
    text = text if text in parts else TEXT
    if text not in parts:
        raise Damaged("damaged", TEXT)
    return text


def _named(related: list[Relationship], kinds: frozenset[str], parts: Mapping[str, Entry]) -> Iterator[str]:
    for name in dict.fromkeys(each.target for each in related if each.kind in kinds and not each.external):
        if name in parts:
            yield name


async def _package(source: Source, parts: Mapping[str, Entry]) -> dict[tuple[FaultCode, str], None]:
    """What the parts refer to and declare that runs or loads something; a DTD in any of them is Damaged."""
    dangers = dict[tuple[FaultCode, str], None]()
    for part in parts_with_relationships(parts):
        for each in await relationships(source, parts, part):
            if code := _meaning(each):
                dangers[code, (each.target if each.external else each.kind)[:200]] = None
    types = await content_types(source, parts[CONTENT_TYPES]) if CONTENT_TYPES in parts else set[str]()
    if any(word in name.casefold() for word in MACROS for name in (*types, *parts)):
        dangers["macros", "vbaProject"] = None
    for name, entry in parts.items():
        if name.endswith(".xml"):
            await _declare(source, entry)
    return dangers


async def _declare(source: Source, entry: Entry) -> None:
    """Damaged where a part that is not read declares what is refused; that it is no XML is nobody's concern."""
    try:
        await parse(source, entry, Declarations())
    except Damaged as damage:
        if damage.code != "damaged":
            raise


def _meaning(relationship: Relationship) -> FaultCode | None:
    """What a reference does when the document is opened; None where it does nothing."""
    if relationship.kind in KINDS:
        return KINDS[relationship.kind]
    if not relationship.external or relationship.kind in CLICKED:
        return None
    far = leads_away(relationship.target)
    if relationship.kind == "attachedTemplate":
        return "template" if far else "local-template"
    return "linked" if far else None


async def _picture(source: Source, entry: Entry) -> Embedded:
    """One picture; what cannot be read is a picture of no size."""
    kind, shown = "unknown", None
    try:
        member = await open_member(source, entry)
        kind = format_of(await head(member, LOOK), entry.name)
        shown = (await read_jpeg(member)).shown if kind == "jpg" else None
    except Damaged:
        shown = None
    return Embedded(entry.shown, kind, shown, (entry.size, entry.crc))
