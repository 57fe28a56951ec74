"""The base every part of a rulebook derives from: frozen, strict, and able to name its own contradictions."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

CONTRADICTION = "contradiction"
"""Type of the pydantic error that carries a clause's contradictions in `ctx["found"]`."""

Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]
"""An id a rulebook gives to one of its parts: lower-case words joined by hyphens."""


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

    zh: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]
