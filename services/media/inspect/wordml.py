"""Reads the XML of a docx as it comes: running text, fields, objects; other XML for its elements (ISO/IEC 29500-1)."""

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote
from xml.parsers import expat

from services.media.inspect import bounds
from services.media.inspect.models import Damaged, FaultCode

WORD: Final = frozenset({
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
})  # fmt: skip
"""The namespaces of transitional and strict documents."""
COMPATIBILITY: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006"
OFFICE: Final = "urn:schemas-microsoft-com:office:office"
BREAKS: Final = frozenset({"p", "tab", "br", "cr", "tc"})
HIDDEN: Final = frozenset({"del", "moveFrom", "delText", "rt"})
"""Text that is not part of the document as it reads: what was deleted, and readings above a word."""
SEPARATORS: Final = frozenset({"separator", "continuationSeparator", "continuationNotice"})
OFF: Final = frozenset({"0", "false", "off"})
COMMAND: Final = re.compile(r"\s*(\w+)(.*)", re.DOTALL)
SPELT: Final = re.compile(r"\s*QUOTE((?:\s+\d{1,5})+)\s*", re.IGNORECASE)
"""A field that spells a text by its letters' numbers: the way to hide another field's name from a search."""
WORDS: Final = re.compile(r'"([^"]*)"|(\S+)')
FIELDS: Final[dict[str, FaultCode]] = {"DDE": "dde", "DDEAUTO": "dde", "LINK": "ole"}
FETCHING: Final = frozenset({"INCLUDEPICTURE", "INCLUDETEXT", "IMPORT", "INCLUDE", "DATABASE"})

OWN: Final = re.compile(r"^//(localhost|[a-z]:)?(?=/)", re.IGNORECASE)
"""How the address of a file begins that lies on the reader's own machine: no host, this one, or (wrongly) a drive."""


def leads_away(target: str) -> bool:
    """Whether an address leads beyond the machine: to the web, or to a share of another computer."""
    path = unquote(target).strip().replace("\\", "/")
    scheme, colon, rest = path.partition(":")
    if colon and scheme.casefold() == "file":
        path = OWN.sub("", rest)
    elif colon and len(scheme) > 1 and scheme.isalnum():
        return True
    return path.startswith("//")


class Declarations:
    """Reads XML for its elements. A DTD is refused before anything in it can expand, and depth and number of the
    elements are bounded: Damaged."""

    def __init__(self, started: Callable[[str, dict[str, str]], None] | None = None) -> None:
        self._depth = self._elements = 0
        self._started = started
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

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
        if self._started:
            self._started(name, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1


class Reading(Declarations):
    """Collects the running text of one part, and what in it runs or loads something: `dangers`."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.dangers: dict[tuple[FaultCode, str], None] = {}
        self._hidden_below = self._length = 0
        self._in_text = self._in_code = self._vanished = False
        self._fields: list[list[str]] = []
        self._parser.CharacterDataHandler = self._letters

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        super()._start(name, attributes)
        space, _, tag = name.rpartition(" ")
        own = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        hides = (space in WORD and (tag in HIDDEN or own.get("type") in SEPARATORS)) or (
            space == COMPATIBILITY and tag == "Fallback"
        )
        if hides and not self._hidden_below:
            self._hidden_below = self._depth
        if space == OFFICE and tag == "OLEObject":
            self._warn("ole", own.get("ProgID", "OLE"))
        if space in WORD:
            self._word(tag, own)

    def _word(self, tag: str, own: dict[str, str]) -> None:
        self._in_text = tag == "t" and not self._hidden_below
        self._in_code = tag == "instrText"
        match tag:
            case "r":
                self._vanished = False
            case "vanish":
                self._vanished = own.get("val") not in OFF
            case "fldSimple":
                self._judge(own.get("instr", ""))
            case "fldChar":
                self._field(own.get("fldCharType", ""))
            case "altChunk":
                self._warn("altchunk", "altChunk")
            case "noBreakHyphen" if not self._hidden_below:
                self.pieces.append("-")
        self._break(tag)

    def _end(self, name: str) -> None:
        if self._hidden_below == self._depth:
            self._hidden_below = 0
        super()._end(name)
        self._in_text = self._in_code = False
        tag = name.rpartition(" ")[2]
        self._vanished = self._vanished and tag != "r"
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in BREAKS and not self._hidden_below and self.pieces and self.pieces[-1] != "\n":
            self.pieces.append("\n")

    def _letters(self, text: str) -> None:
        if self._in_code and self._fields:
            self._fields[-1].append(text)
        elif self._in_code:
            self._judge(text)
        if self._in_text and not self._hidden_below and not self._vanished:
            self.pieces.append(text)
            self._length += len(text)
            if self._length > bounds.LETTERS:
                raise Damaged("absurd", f"> {bounds.LETTERS} letters")

    def _field(self, kind: str) -> None:
        """A field's code runs from its beginning to its separator, or its end where it has none; fields inside it
        spell parts of it."""
        if kind == "begin" and len(self._fields) < bounds.DEPTH:
            self._fields.append([])
        elif kind in ("separate", "end") and self._fields:
            code = "".join(self._fields[-1])
            self._judge(code)
            self._fields[-1] = []
            if kind == "end":
                self._fields.pop()
            if (spelt := SPELT.fullmatch(code)) and len(self._fields) > (kind != "end"):
                self._fields[-1 if kind == "end" else -2] += [chr(int(number)) for number in spelt[1].split()]

    def _judge(self, code: str) -> None:
        command = COMMAND.match(code)
        name = command[1].upper() if command else ""
        if name in FIELDS:
            self._warn(FIELDS[name], name)
        elif name in FETCHING and command and any(leads_away(one or two) for one, two in WORDS.findall(command[2])):
            self._warn("linked", name)

    def _warn(self, code: FaultCode, measured: str) -> None:
        if len(self.dangers) < bounds.FINDINGS:
            self.dangers[code, measured[:60]] = None
