"""Reads a docx in place: its characters as Word counts 字数, and the pictures in it (ISO/IEC 29500-1, 17; OPC)."""

import asyncio
import unicodedata
from collections.abc import Iterator
from typing import Final
from xml.parsers import expat

from services.media.inspect import bounds
from services.media.inspect.formats import LOOK, format_of
from services.media.inspect.images import read_jpeg
from services.media.inspect.members import open_member, readable
from services.media.inspect.models import Damaged, Document, Embedded
from services.media.inspect.source import Source, head
from services.media.inspect.zip import Directory, Entry

TEXT: Final = b"word/document.xml"
MEDIA: Final = b"word/media/"
WORD: Final = frozenset({
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
})  # fmt: skip
"""The namespaces of transitional and strict documents."""
COMPATIBILITY: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006"
BREAKS: Final = frozenset({"p", "tab", "br", "cr", "tc"})
HIDDEN: Final = frozenset({"del", "moveFrom", "instrText", "delText"})
WIDE_PUNCTUATION: Final = frozenset("“”‘’…—·")
"""Marks that Chinese text writes full width though Unicode leaves their width open."""


async def read_docx(source: Source, directory: Directory) -> Document:
    """The running text's length and the pictures. Damaged where the text is missing, no XML, or declares a DTD."""
    for fault in directory.faults:
        if fault.code != "surplus":
            raise Damaged(fault.code, fault.measured)
    text = next((entry for entry in directory.entries if entry.raw == TEXT), None)
    if text is None or not readable(text):
        raise Damaged("damaged", TEXT.decode())
    running = await _text(await open_member(source, text))
    characters = await asyncio.to_thread(count, running)
    media = [entry for entry in directory.entries if entry.raw.startswith(MEDIA) and readable(entry)]
    pictures = [await _picture(source, entry) for entry in media]
    return Document(characters, tuple(pictures))


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


async def _text(member: Source) -> str:
    """The running text, tables and text boxes included, what is deleted and what is a field's code aside."""
    if member.size > bounds.TEXT:
        raise Damaged("absurd", f"{TEXT.decode()}: {member.size} B")
    reading = Reading()
    async for chunk in member.stream(0, member.size):
        await asyncio.to_thread(reading.feed, chunk)
    reading.feed(b"", last=True)
    return "".join(reading.pieces)


class Reading:
    """Collects text from WordprocessingML as it comes. A DTD is refused before anything in it can expand."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._depth = self._hidden_below = self._elements = self._length = 0
        self._in_text = False
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._letters

    def feed(self, data: bytes, last: bool = False) -> None:
        """Go on with the next bytes."""
        try:
            self._parser.Parse(data, last)
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise Damaged("damaged", str(error)) from error

    def _refuse(self, name: str, system: str | None, public: str | None, internal: bool) -> None:
        raise Damaged("dtd", name)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > bounds.DEPTH or self._elements > bounds.ELEMENTS:
            raise Damaged("absurd", f"{self._elements} elements, {self._depth} deep")
        space, _, tag = name.rpartition(" ")
        hides = (space in WORD and tag in HIDDEN) or (space == COMPATIBILITY and tag == "Fallback")
        if hides and not self._hidden_below:
            self._hidden_below = self._depth
        if space in WORD and not self._hidden_below:
            self._in_text = tag == "t"
            self._break(tag)

    def _end(self, name: str) -> None:
        if self._hidden_below == self._depth:
            self._hidden_below = 0
        self._depth -= 1
        self._in_text = False
        self._break(name.rpartition(" ")[2])

    def _break(self, tag: str) -> None:
        if tag in BREAKS and self.pieces and self.pieces[-1] != "\n":
            self.pieces.append("\n")

    def _letters(self, text: str) -> None:
        if self._in_text and not self._hidden_below:
            self.pieces.append(text)
            self._length += len(text)
            if self._length > bounds.LETTERS:
                raise Damaged("absurd", f"> {bounds.LETTERS} letters")


def count(text: str) -> int:
    """字数: every Chinese character and full-width mark is one, every run of other letters, digits and marks between
    blanks is one, blanks are none."""
    return sum(_counts(text))


def _counts(text: str) -> Iterator[int]:
    in_run = False
    for letter in text:
        if letter in WIDE_PUNCTUATION or unicodedata.east_asian_width(letter) in ("W", "F"):
            in_run = False
            yield 0 if letter.isspace() else 1
        elif letter.isspace():
            in_run = False
        elif unicodedata.category(letter) not in ("Cf", "Mn", "Me", "Cc"):
            yield 0 if in_run else 1
            in_run = True
