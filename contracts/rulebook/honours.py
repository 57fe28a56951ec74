"""What experts score, and what is awarded to whom."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from contracts.ids import AwardId, TrackId
from contracts.rulebook.calendar import PhaseId
from contracts.rulebook.clause import Clause, Contradiction, Key, Text

SCORE_TOTAL = 100


class Dimension(Clause):
    """One thing experts score from 0 to 100; `weight` is its share of the whole, in percent."""

    id: Key
    title: Text
    weight: Annotated[int, Field(ge=1, le=SCORE_TOTAL)]


class Scoring(Clause):
    """How experts score. `years` is how many campaign years back they look, the campaign's own included."""

    phase: PhaseId
    subject: Literal["applicant", "entry"]
    years: Annotated[int, Field(ge=1)] = 1
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1)]
    weights_assumed: bool = False
    """The notice names the dimensions and not their weights."""

    def contradictions(self) -> Iterator[Contradiction]:
        total = sum(each.weight for each in self.dimensions)
        if total != SCORE_TOTAL:
            yield Contradiction("dimensions", f"the weights add up to {total}; make them {SCORE_TOTAL}")


class ByVotes(Clause):
    """The most public votes win."""

    kind: Literal["votes"]
    track: TrackId


class ByScore(Clause):
    """The highest scores of the experts win."""

    kind: Literal["score"]


class BySelection(Clause):
    """Experts select among the entries of a track, without scores."""

    kind: Literal["selection"]
    track: TrackId


class ByMerit(Clause):
    """An authority names whom it found outstanding."""

    kind: Literal["merit"]
    judged_by: Literal["province", "national"]
    on: Text


class ByTakingPart(Clause):
    """Everybody active enough in voting may receive it; the organiser draws the line."""

    kind: Literal["taking-part"]


Basis = Annotated[ByVotes | ByScore | BySelection | ByMerit | ByTakingPart, Field(discriminator="kind")]


class Award(Clause):
    """Something that is given. `count` None: the notice leaves the number open."""

    id: AwardId
    title: Text
    form: Literal["plaque", "certificate", "prize", "listing"]
    to: Literal["applicant", "entry", "organising-unit", "organising-person", "voter"]
    basis: Basis
    count: Annotated[int, Field(ge=1)] | None = None
