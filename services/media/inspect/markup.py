"""Reads the XML of a document as it comes, for no more than any honest document takes."""

from collections.abc import Callable
from typing import Final
from xml.parsers import expat

from services.media.inspect import bounds
from services.media.inspect.models import Damaged

UNITS: Final = {
    "TEXT": "B",
    "REFERENCES": "references",
    "FIELDS": "fields",
    "CODES": "letters of fields",
    "LETTERS": "letters",
}
"""What is counted, by the name of its bound, and what it is called."""


class Spent:
    """What has been read of one document, all its parts together."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(UNITS, 0)
        self._elements = self._attributes = 0

    def add(self, what: str, count: int = 1) -> None:
        """Count some more. Damaged where that is more than any honest document has."""
        self._counts[what] += count
        most: int = getattr(bounds, what)
        if self._counts[what] > most:
            raise Damaged("absurd", f"> {most} {UNITS[what]}")

    def element(self, attributes: int) -> None:
        """The same for an element with so many attributes."""
        self._elements += 1
        self._attributes += attributes
        if self._elements > bounds.ELEMENTS:
            raise Damaged("absurd", f"> {bounds.ELEMENTS} elements")
        if self._attributes > bounds.ATTRIBUTES:
            raise Damaged("absurd", f"> {bounds.ATTRIBUTES} attributes")


class Declarations:
    """Reads XML for its elements. A DTD is refused before anything in it can expand, and the depth of the elements is
    bounded: Damaged."""

    def __init__(self, spent: Spent, started: Callable[[str, dict[str, str]], None] | None = None) -> None:
        self.spent = spent
        self._depth = 0
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
        self.spent.element(len(attributes))
        if self._depth > bounds.DEPTH:
            raise Damaged("absurd", f"> {bounds.DEPTH} deep")
        if self._started:
            self._started(name, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1


class Prolog(Declarations):
    """Reads what comes before the first element, where a DTD would stand, and nothing of what follows."""

    begun = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.begun = True
        self._parser.StartElementHandler = self._parser.EndElementHandler = None

    def _end(self, name: str) -> None:
        """Nothing was counted."""
