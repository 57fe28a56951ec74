"""The base every part of a rulebook derives from: frozen, strict, and able to name its own contradictions."""

import unicodedata
from collections.abc import Iterator
from typing import Annotated, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

CONTRADICTION = "contradiction"
"""Type of the pydantic error that carries a clause's contradictions in `ctx["found"]`."""

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
"""An id a rulebook gives to one of its parts: lower-case words joined by hyphens."""


def one_line(written: str) -> str:
    """Refuse what would not show, or would break the line it stands in."""
    if not written.strip():
        raise ValueError("is empty; write something")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp") for letter in written):
        raise ValueError(f"{written!r} holds line breaks or invisible characters; write it as one plain line")
    return written


Line = Annotated[str, AfterValidator(one_line)]
"""A text of one visible line."""


class Contradiction(NamedTuple):
    """What cannot hold together: `at` is the path below the clause, with dots; empty for the clause itself."""

    at: str
    reason: str


class Clause(BaseModel):
    """One part of a rulebook. Unknown keys are refused; nothing is converted silently."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def contradictions(self) -> Iterator[Contradiction]:
        """What this clause says that cannot be true, however well each of its fields reads."""
        return iter(())

    @model_validator(mode="after")
    def refuse_contradictions(self) -> Self:
        """Refuse with all contradictions at once, so that an organiser mends a file in one go."""
        if found := tuple(self.contradictions()):
            text = "; ".join(each.reason for each in found)
            raise PydanticCustomError(CONTRADICTION, "{text}", {"text": text, "found": found})
        return self


class Text(Clause):
    """What a person reads, Chinese first."""

    zh: Line
    en: Line
