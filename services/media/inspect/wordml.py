"""Reads the XML of a docx as it comes: running text, fields, objects (ISO/IEC 29500-1)."""

from typing import Final

from services.media.inspect import bounds
from services.media.inspect.fields import Fields
from services.media.inspect.hiding import Alternatives, Formatting, Styles
from services.media.inspect.links import leads_away
from services.media.inspect.markup import Declarations, Spent
from services.media.inspect.models import FaultCode

WORD: Final = frozenset({
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
})  # fmt: skip
"""The namespaces of transitional and strict documents."""
COMPATIBILITY: Final = "http://schemas.openxmlformats.org/markup-compatibility/2006"
OFFICE: Final = "urn:schemas-microsoft-com:office:office"
VML: Final = "urn:schemas-microsoft-com:vml"
FILLED: Final = frozenset({"imagedata", "fill", "stroke"})
"""Elements of drawings that load a picture."""
BREAKS: Final = frozenset({"p", "tab", "ptab", "br", "cr", "tc"})
HIDDEN: Final = frozenset({"del", "moveFrom", "delText", "rt"})
"""Text that is not part of the document as it reads: what was deleted, and readings above a word."""
SEPARATORS: Final = frozenset({"separator", "continuationSeparator", "continuationNotice"})
MARKS: Final = {"noBreakHyphen": "-", "sym": "▪"}
"""Elements that stand for a letter. To Word a letter of a symbol font is a Western bracket (its `Range.Text` says so),
so that it stands here for some symbol that is no Chinese one."""


class Reading(Declarations):
    """Collects the running text of one part, and what in it runs or loads something: `dangers`."""

    def __init__(self, spent: Spent, styles: Styles) -> None:
        super().__init__(spent)
        self.pieces: list[str] = []
        self.dangers: dict[tuple[FaultCode, str], None] = {}
        self._hidden_below = 0
        self._in_text = self._in_code = False
        self._fields, self._aside = Fields(spent, self._warn), Fields(spent, self._warn)
        self._formatting, self._alternatives = Formatting(styles), Alternatives()
        self._parser.CharacterDataHandler = self._letters
        self._parser.StartNamespaceDeclHandler = self._alternatives.declare
        self._parser.EndNamespaceDeclHandler = self._alternatives.forget

    @property
    def text(self) -> str:
        """All the text that is shown, once the part has been read."""
        return "".join((*self.pieces, self._fields.left()))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        super()._start(name, attributes)
        space, _, tag = name.rpartition(" ")
        own = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        if self._hides(space, tag, own) and not self._hidden_below:
            self._hidden_below = self._depth
        if space == OFFICE and tag == "OLEObject":
            self._warn("ole", own.get("ProgID", "OLE"))
        if space == VML and tag in FILLED and any(leads_away(own.get(key, "")) for key in ("src", "href")):
            self._warn("linked", tag)
        if space in WORD:
            self._word(tag, own)

    def _hides(self, space: str, tag: str, own: dict[str, str]) -> bool:
        """Whether nothing in an element is shown. What ends in `Change` is how something was formatted before."""
        if space == COMPATIBILITY:
            return not self._alternatives.open(tag, own.get("Requires", ""))
        return space in WORD and (tag in HIDDEN or tag.endswith("Change") or own.get("type") in SEPARATORS)

    def _word(self, tag: str, own: dict[str, str]) -> None:
        self._in_text = tag == "t" and not self._hidden_below
        self._in_code = tag == "instrText"
        fields = self._aside if self._hidden_below else self._fields
        match tag:
            case "fldSimple":
                fields.simple(own.get("instr", ""))
            case "fldChar":
                fields.mark(own.get("fldCharType", ""))
            case "altChunk":
                self._warn("altchunk", "altChunk")
        if not self._hidden_below:
            self._formatting.open(tag, own.get("val"))
            if tag in MARKS:
                self._write(MARKS[tag])
        self._break(tag)

    def _end(self, name: str) -> None:
        space, _, tag = name.rpartition(" ")
        if space in WORD and not self._hidden_below:
            self._formatting.close(tag)
        elif space == COMPATIBILITY:
            self._alternatives.close(tag)
        if self._hidden_below == self._depth:
            self._hidden_below = 0
        super()._end(name)
        self._in_text = self._in_code = False
        self._break(tag)

    def _break(self, tag: str) -> None:
        if tag in BREAKS and not self._hidden_below and self.pieces and self.pieces[-1] != "\n":
            self.pieces.append("\n")

    def _letters(self, text: str) -> None:
        if self._in_code:
            (self._aside if self._hidden_below else self._fields).code(text)
        elif self._in_text:
            self._write(text)

    def _write(self, text: str) -> None:
        if not self._fields.takes(text) and not self._formatting.hides:
            self.spent.add("LETTERS", len(text))
            self.pieces.append(text)

    def _warn(self, code: FaultCode, measured: str) -> None:
        if len(self.dangers) < bounds.FINDINGS:
            self.dangers[code, measured[:60]] = None
