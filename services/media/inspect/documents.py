"""Reads a docx in place: its 字数, the pictures in it, and whatever in it runs or loads something when it is opened."""

import asyncio
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from services.media.inspect.counting import count
from services.media.inspect.formats import LOOK, format_of
from services.media.inspect.hiding import Styles
from services.media.inspect.images import read_jpeg
from services.media.inspect.links import leads_away
from services.media.inspect.markup import Spent
from services.media.inspect.members import open_member
from services.media.inspect.models import Damaged, Danger, Document, Embedded, FaultCode
from services.media.inspect.opc import Relationship, content_types, parse, parts_of, refuse_declared, relationships
from services.media.inspect.source import Source, head
from services.media.inspect.wordml import Reading
from services.media.inspect.zip import Directory, Entry

TEXT: Final = "word/document.xml"
NOTES: Final = frozenset({"footnotes", "endnotes"})
"""Parts whose text counts as the running text does."""
ASIDE: Final = frozenset({"header", "footer", "comments", "glossaryDocument"})
"""Parts with text that does not count, and with fields that are run all the same."""
MACROS: Final = "vbaproject.bin"
MACRO_TYPES: Final = ("ms-word.document.macroenabled", "ms-word.template.macroenabled", "ms-office.vbaproject")
"""What a document with macros declares; a chart's workbook may have some of its own, which nothing here starts."""
CLICKED: Final = frozenset({"hyperlink", "video", "audio", "media"})
"""References outside that are followed by a click and not before."""
KINDS: Final[dict[str, FaultCode]] = {
    "oleObject": "ole", "control": "ole", "aFChunk": "altchunk", "vbaProject": "macros", "subDocument": "linked",
}  # fmt: skip
"""What a reference of some kind means wherever it leads."""
References = Mapping[str, Sequence[Relationship]]


async def read_docx(source: Source, directory: Directory) -> Document:
    """The text's length: the body with its tables and text boxes, foot- and endnotes; headers, footers and comments
    are none of it, as in Word. Damaged where the text is missing, a part is no XML, or declares a DTD."""
    parts, spent = _sound(directory), Spent()
    references = await relationships(source, parts, spent)
    text = _main(references, parts)
    counted = [text, *_named(references, [text], NOTES, parts)]
    aside = list(_named(references, [text], ASIDE, parts))
    styles = await _styles(source, references, text, parts, spent)
    readings = [await parse(source, parts[name], Reading(spent, styles)) for name in counted + aside]
    length = await asyncio.to_thread(count, "\n".join(reading.text for reading in readings[: len(counted)]))
    for name, entry in parts.items():
        if name.endswith(".xml") and name not in counted + aside:
            await refuse_declared(source, entry)
    types = await content_types(source, parts, spent)
    dangers = {danger: None for reading in readings for danger in reading.dangers}
    told = {code for code, _ in dangers}
    for code, measured in _package(references, parts, types):
        if measured not in KINDS or code not in told:
            dangers[code, measured] = None
    shown = _named(references, counted, {"image"}, parts) if text in references else filter(_in_media, parts)
    pictures = [await _picture(source, parts[name]) for name in shown]
    return Document(length, tuple(pictures), tuple(Danger(*danger) for danger in dangers))


def _in_media(name: str) -> bool:
    """Whether a part lies where pictures do: what some small writers leave it at, who refer to nothing."""
    return name.startswith("word/media/")


async def read_text(source: Source, directory: Directory) -> str:
    """The running text of a document that has been checked."""
    parts, spent = _sound(directory), Spent()
    references = await relationships(source, parts, spent)
    text = _main(references, parts)
    styles = await _styles(source, references, text, parts, spent)
    return (await parse(source, parts[text], Reading(spent, styles))).text


def _sound(directory: Directory) -> dict[str, Entry]:
    """The document's parts. Damaged where they contradict themselves."""
    for fault in directory.faults:
        if fault.code not in ("surplus", "name", "case"):
            raise Damaged(fault.code, ": ".join(dict.fromkeys((fault.file or TEXT, fault.measured))))
    return parts_of(directory)


def _main(references: References, parts: Mapping[str, Entry]) -> str:
    """The part with the running text."""
    starts = references.get("", ())
    text = next((each.target for each in starts if each.kind == "officeDocument" and each.target in parts), TEXT)
    if text not in parts:
        raise Damaged("damaged", TEXT)
    return text


def _named(
    references: References, by: Iterable[str], kinds: Iterable[str], parts: Mapping[str, Entry]
) -> Iterator[str]:
    """The parts of some kinds that others refer to, each once."""
    related = (each for part in by for each in references.get(part, ()) if each.kind in kinds and not each.external)
    yield from filter(parts.__contains__, dict.fromkeys(each.target for each in related))


async def _styles(
    source: Source, references: References, text: str, parts: Mapping[str, Entry], spent: Spent
) -> Styles:
    styles = Styles(spent)
    for name in list(_named(references, [text], {"styles"}, parts))[:1]:
        await parse(source, parts[name], styles)
    return styles


def _package(
    references: References, parts: Mapping[str, Entry], types: Iterable[str]
) -> dict[tuple[FaultCode, str], None]:
    """What the parts refer to and declare that runs or loads something."""
    dangers = dict[tuple[FaultCode, str], None]()
    for each in (each for related in references.values() for each in related):
        if code := _meaning(each):
            measured = each.target if each.external else each.kind
            dangers[code, measured[:200]] = None
    declared = any(word in each for word in MACRO_TYPES for each in types)
    if declared or any(posixpath.basename(name) == MACROS for name in parts):
        dangers["macros", "vbaProject"] = None
    return dangers


def _meaning(relationship: Relationship) -> FaultCode | None:
    """What a reference does when the document is opened; None where it does nothing. An object outside is nothing but
    a link, as to the workbook a chart was copied from."""
    linked = relationship.external and relationship.kind == "oleObject"
    if relationship.kind in KINDS and not linked:
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
