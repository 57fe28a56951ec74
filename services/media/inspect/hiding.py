"""Text that is in a document and not shown: by its formatting, or because another version of it is (ISO/IEC 29500-1,
17.3.2.41 and 17.7; 29500-3, 7.5 and 7.6)."""

from dataclasses import dataclass
from typing import Final

from services.media.inspect import bounds
from services.media.inspect.markup import Declarations, Spent

OFF: Final = frozenset({"0", "false", "off"})
MICROSOFT: Final = "http://schemas.microsoft.com/office"
OPEN: Final = "http://schemas.openxmlformats.org"
UNDERSTOOD: Final = frozenset({
    *(f"{MICROSOFT}/word/2010/wordprocessing{kind}" for kind in ("Shape", "Group", "Canvas", "Ink", "Drawing")),
    *(f"{MICROSOFT}/word/{year}/wordml" for year in ("2006", "2010", "2012", "2018")),
    f"{MICROSOFT}/word/2012/wordprocessingDrawing", f"{MICROSOFT}/word/2015/wordml/symex",
    f"{MICROSOFT}/word/2016/wordml/cid", f"{MICROSOFT}/word/2018/wordml/cex",
    f"{MICROSOFT}/word/2020/wordml/sdtdatahash", f"{MICROSOFT}/word/2023/wordml/word16du",
    f"{MICROSOFT}/word/2024/wordml/sdtformatlock", f"{MICROSOFT}/2019/extlst",
    *(f"{MICROSOFT}/drawing/{day}/chartex" for day in ("2014", "2015/9/8", "2015/10/21")),
    *(f"{MICROSOFT}/drawing/2016/5/{day}/chartex" for day in (9, 10, 11, 12, 13, 14)),
    *(f"{MICROSOFT}/drawing/{name}" for name in ("2010/main", "2012/main", "2014/main", "2016/SVG/main")),
    *(f"{MICROSOFT}/drawing/{name}" for name in ("2007/8/2/chart", "2012/chart", "2016/ink", "2017/model3d")),
    *(f"urn:schemas-microsoft-com:{name}" for name in ("vml", "office:office", "office:word")),
    f"{OPEN}/wordprocessingml/2006/main", f"{OPEN}/officeDocument/2006/math",
    *(f"{OPEN}/drawingml/2006/{name}" for name in ("main", "wordprocessingDrawing", "picture", "chart")),
})  # fmt: skip
"""Namespaces whose elements Word shows."""


def is_on(value: str | None) -> bool:
    """Whether a property that is there says yes."""
    return value not in OFF


class Styles(Declarations):
    """Which styles hide the text they are given to."""

    def __init__(self, spent: Spent) -> None:
        super().__init__(spent)
        self.usual = ""
        """The style of paragraphs that name none."""
        self._style = ""
        self._vanish: dict[str, bool] = {}
        self._based: dict[str, str] = {}

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        super()._start(name, attributes)
        own = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        match name.rpartition(" ")[2]:
            case "style":
                self._style = own.get("styleId", "")
                if own.get("type") == "paragraph" and is_on(own.get("default", "0")):
                    self.usual = self._style
            case "basedOn":
                self._based[self._style] = own.get("val", "")
            case "vanish" if self._style:
                self._vanish[self._style] = is_on(own.get("val"))

    def hides(self, style: str) -> bool:
        """What a style says itself, or the nearest it is based on."""
        nearest = style
        for _ in range(bounds.DEPTH):
            if nearest in self._vanish or nearest not in self._based:
                break
            nearest = self._based[nearest]
        return self._vanish.setdefault(style, self._vanish.get(nearest, False))


@dataclass(slots=True)
class _Run:
    paragraph: str
    within: bool
    """Whether it is in a hidden one."""
    style: str = ""
    vanish: bool | None = None


class Formatting:
    """Whether text is hidden by how it is formatted, at the place a part has been read to. A text box is as hidden as
    the run it hangs on."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._paragraphs = [styles.usual]
        self._runs: list[_Run] = []

    def open(self, tag: str, value: str | None) -> None:
        """An element begins; `value` is its `val`."""
        match tag:
            case "p":
                self._paragraphs.append(self._styles.usual)
            case "pStyle":
                self._paragraphs[-1] = value or ""
            case "r" | "pPr" | "sdtPr":  # marks of paragraphs and controls are formatted as runs are
                self._runs.append(_Run(self._paragraphs[-1], self.hides))
            case "rStyle" if self._runs:
                self._runs[-1].style = value or ""
            case "vanish" if self._runs:
                self._runs[-1].vanish = is_on(value)

    def close(self, tag: str) -> None:
        """The same element ends."""
        if tag == "p":
            self._paragraphs.pop()
        elif tag in ("r", "pPr", "sdtPr"):
            self._runs.pop()

    @property
    def hides(self) -> bool:
        """Two styles that both hide show again (17.7.3); what a run says of itself goes before both."""
        if not self._runs:
            return False
        run = self._runs[-1]
        if run.within or run.vanish is not None:
            return run.within or bool(run.vanish)
        return self._styles.hides(run.paragraph) != self._styles.hides(run.style)


class Alternatives:
    """Which of several versions of the same is shown: the first that needs only what Word understands."""

    def __init__(self) -> None:
        self._chosen: list[bool] = []
        self._prefixes: dict[str, list[str]] = {}

    def declare(self, prefix: str | None, space: str | None) -> None:
        """A prefix stands for a namespace from here on."""
        self._prefixes.setdefault(prefix or "", []).append(space or "")

    def forget(self, prefix: str | None) -> None:
        """It does no longer."""
        self._prefixes[prefix or ""].pop()

    def open(self, tag: str, needs: str) -> bool:
        """Whether the element that begins is shown."""
        if tag == "AlternateContent":
            self._chosen.append(False)
        if tag not in ("Choice", "Fallback"):
            return True
        free = bool(self._chosen) and not self._chosen[-1]
        shown = free and (tag == "Fallback" or (bool(needs.split()) and all(map(self._understood, needs.split()))))
        if shown:
            self._chosen[-1] = True
        return shown

    def close(self, tag: str) -> None:
        """The same element ends."""
        if tag == "AlternateContent":
            self._chosen.pop()

    def _understood(self, prefix: str) -> bool:
        spaces = self._prefixes.get(prefix, [])
        return bool(spaces) and spaces[-1] in UNDERSTOOD
