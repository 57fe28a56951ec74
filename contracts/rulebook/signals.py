"""What in a vote looks wrong enough to be held until a person has looked at it: thresholds, never a verdict."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from contracts.rulebook.clause import Clause, Contradiction, Key, Text
from contracts.rulebook.measures import Span

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=1)
"""How long a window may be: what is seen in it is kept in memory."""
AtLeastOne = Annotated[int, Field(ge=1)]


def fits(name: str, window: timedelta) -> Iterator[Contradiction]:
    """What is wrong with the length of a window."""
    if not SHORTEST <= window <= LONGEST:
        yield Contradiction(name, f"{name} is a window of 1s to 1d; what is seen in it is kept in memory")


class Rate(Clause):
    """More than `most` ballots of one device, from one address, in one channel or for one entry, `within` any such
    span. A device or an address is only known where the channel names it."""

    kind: Literal["rate"]
    id: Key
    title: Text
    per: Literal["device", "address", "channel", "entry"]
    most: AtLeastOne
    within: Span

    def contradictions(self) -> Iterator[Contradiction]:
        yield from fits("within", self.within)


class Burst(Clause):
    """More than `least` ballots `within` a span, and more than `times` as many as usual: as the mean of the time
    before, up to `over`. Nothing is usual, and nothing a burst, before twice the span was watched."""

    kind: Literal["burst"]
    id: Key
    title: Text
    per: Literal["device", "address", "channel", "entry"]
    least: AtLeastOne
    times: Annotated[int, Field(ge=2)]
    within: Span
    over: Span

    def contradictions(self) -> Iterator[Contradiction]:
        yield from fits("within", self.within)
        yield from fits("over", self.over)
        if self.over < 2 * self.within:
            yield Contradiction("over", "is less than twice within, so nothing could be usual; lengthen it")


class Series(Clause):
    """More than `most` voters of a channel `within` a span whose ids differ in the last two digits of their last number
    alone: `wx-4711`, `wx-4712`. There are at most a hundred such."""

    kind: Literal["series"]
    id: Key
    title: Text
    most: Annotated[int, Field(ge=1, le=99)]
    within: Span

    def contradictions(self) -> Iterator[Contradiction]:
        yield from fits("within", self.within)


Signal = Annotated[Rate | Burst | Series, Field(discriminator="kind")]


class Signals(Clause):
    """What holds a ballot. `assumed` marks thresholds the notice does not lay down."""

    rules: Annotated[tuple[Signal, ...], Field(min_length=1)]
    decide_within: Span = timedelta(0)
    """How long after the last window closes the tally waits for somebody to decide on what is held."""
    assumed: bool = False

    def contradictions(self) -> Iterator[Contradiction]:
        if self.decide_within < timedelta(0):
            yield Contradiction("decide_within", "a length of time cannot be negative; give 0s or more")
