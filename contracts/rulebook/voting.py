"""How the public votes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from contracts.ids import TrackId
from contracts.rulebook.clause import Clause, Contradiction, Key, Text
from contracts.rulebook.measures import Span
from contracts.rulebook.moment import Window
from contracts.rulebook.signals import Signals

AtLeastOne = Annotated[int, Field(ge=1)]


class Channel(Clause):
    """Where ballots come from."""

    id: Key
    title: Text


class VoterLimits(Clause):
    """The most votes of one voter. A day is a calendar day in the campaign's time zone. None: not limited.
    `assumed` marks limits the notice does not lay down."""

    per_entry: AtLeastOne | None = None
    per_day: AtLeastOne | None = None
    per_campaign: AtLeastOne | None = None
    assumed: bool = False

    def contradictions(self) -> Iterator[Contradiction]:
        if self.per_entry is None and self.per_day is None and self.per_campaign is None:
            yield Contradiction("", "a voter has no limit at all; give per_entry, per_day or per_campaign")
        for name in ("per_entry", "per_day"):
            if self.per_campaign is not None and (getattr(self, name) or 0) > self.per_campaign:
                yield Contradiction(name, f"{name} is more than per_campaign allows altogether; lower it")

    def admits(self, *, on_entry: int, today: int, altogether: int) -> bool:
        """Whether one more vote fits beside those of the voter that already count: for this entry, on this day,
        and in the whole campaign."""
        counted = ((on_entry, self.per_entry), (today, self.per_day), (altogether, self.per_campaign))
        return all(most is None or votes < most for votes, most in counted)


class Voting(Clause):
    """The public vote on approved entries of some tracks."""

    tracks: Annotated[tuple[TrackId, ...], Field(min_length=1)]
    windows: Annotated[tuple[Window, ...], Field(min_length=1)]
    channels: Annotated[tuple[Channel, ...], Field(min_length=1)]
    limits: VoterLimits
    hide_ranking_for_last: Span = timedelta(0)
    """How long before the last window closes the ranking is no longer shown."""
    signals: Signals | None = None
    """What holds a ballot until a person has looked at it. None: nothing does."""

    def contradictions(self) -> Iterator[Contradiction]:
        if self.hide_ranking_for_last < timedelta(0):
            yield Contradiction("hide_ranking_for_last", "a length of time cannot be negative; give 0s or more")
        for index, (before, after) in enumerate(zip(self.windows, self.windows[1:], strict=False), start=1):
            if after.opens.instant < before.closes.instant:
                yield Contradiction(
                    f"windows[{index}].opens", "opens before the window above it has closed; put windows in order"
                )
