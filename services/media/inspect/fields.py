"""Fields of a document: which of its text is a field's code, and what such code runs or loads (ISO/IEC 29500-1,
17.16)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from services.media.inspect.links import leads_away
from services.media.inspect.markup import Spent
from services.media.inspect.models import Damaged, FaultCode

COMMAND: Final = re.compile(r"\s*(\w+)(.*)", re.DOTALL)
WORDS: Final = re.compile(r'"([^"]*)"|(\S+)')
FIELDS: Final[dict[str, FaultCode]] = {"DDE": "dde", "DDEAUTO": "dde", "LINK": "ole"}
FETCHING: Final = frozenset({"INCLUDEPICTURE", "INCLUDETEXT", "IMPORT", "INCLUDE", "DATABASE"})
NESTED: Final = 50
"""Fields in one another; Word itself goes no deeper than some twenty."""
LETTER: Final = re.compile(r"\d{1,5}")
"""How `QUOTE` spells a letter: by its number."""


@dataclass(slots=True)
class Field:
    """A field whose end has not come. Its code may hold other fields: `cached` is the code with what those showed last,
    `spelt` with what they will show once they are brought up to date; `withheld` is the text in it that is not shown.
    `says` is what the field will show, where its code alone tells."""

    spelt: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    withheld: list[str] = field(default_factory=list)
    in_code: bool = True
    says: str = ""


class Fields:
    """The fields of one part as they begin, show something and end; `warn` is told what they run or load."""

    def __init__(self, spent: Spent, warn: Callable[[FaultCode, str], None]) -> None:
        self._spent, self._warn = spent, warn
        self._open: list[Field] = []

    def mark(self, kind: str) -> None:
        """A field's code runs from its `begin` to its `separate`, or its `end` where it has none."""
        if kind == "begin":
            self._spent.add("FIELDS")
            if len(self._open) == NESTED:
                raise Damaged("absurd", f"> {NESTED} fields in one another")
            self._open.append(Field())
        elif kind in ("separate", "end") and self._open:
            self._read(self._open[-1])
            if kind == "end":
                self._open.pop()

    def code(self, text: str) -> None:
        """Text that says it is code."""
        self._spent.add("CODES", len(text))
        if self._open:
            self._open[-1].spelt.append(text)
            self._open[-1].cached.append(text)
        else:
            self._judge(text)

    def simple(self, code: str) -> None:
        """A field that is an element, with all its code at once."""
        self._spent.add("FIELDS")
        self._spent.add("CODES", len(code))
        self._judge(code)

    def takes(self, text: str) -> bool:
        """Whether text stands in some field's code, and so is not shown."""
        told = False
        for each in reversed(self._open):
            if each.in_code:
                self._spent.add("CODES", len(text))
                each.cached.append(text)
                each.withheld.append(text)
                if not told:
                    each.spelt.append(text)
                return True
            told = told or bool(each.says)
        return False

    def left(self) -> str:
        """Text that is shown after all, for the field it stands in never ends."""
        return "".join(text for each in self._open for text in each.withheld)

    def _judge(self, code: str) -> None:
        """Tell of a code that runs or loads something."""
        name, rest = _command(code)
        if name in FIELDS:
            self._warn(FIELDS[name], name)
        elif name in FETCHING and any(map(leads_away, _words(rest))):
            self._warn("linked", name)

    def _read(self, done: Field) -> None:
        spelt, cached = "".join(done.spelt), "".join(done.cached)
        self._judge(spelt)
        if cached != spelt:
            self._judge(cached)
        if done.in_code:
            done.in_code, done.says = False, _quoted(spelt)
            around = next((each for each in reversed(self._open) if each.in_code), None)
            if around and done.says:
                self._spent.add("CODES", len(done.says))
                around.spelt.append(done.says)
        done.spelt, done.cached, done.withheld = [], [], []


def _command(code: str) -> tuple[str, str]:
    command = COMMAND.match(code)
    return (command[1].upper(), command[2]) if command else ("", "")


def _words(rest: str) -> Iterator[str]:
    return (match[1] or match[2] or "" for match in WORDS.finditer(rest))


def _quoted(code: str) -> str:
    """What a field shows that only spells a text, in quotation marks or by its letters' numbers: the way to hide
    another field's name from a search. Nothing where the field is another one."""
    name, rest = _command(code)
    words = _words(rest) if name == "QUOTE" else ()
    return "".join(chr(int(word)) if LETTER.fullmatch(word) else word for word in words if not word.startswith("\\"))
