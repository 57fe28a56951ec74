"""What a queue shows: lines, pages of them, and counts."""

from datetime import datetime
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field

from contracts.ids import CampaignId, City, EntryId, Province, StudioId, ThemeId, TrackId
from services.review.screening.models import Decision, Record, State, Verdict


class StudioLine(Record):
    """A studio in the queue."""

    kind: Literal["studio"] = "studio"
    studio: StudioId
    name: str
    unit_kind: str
    province: Province
    city: City
    attempt: int
    state: State
    handed_in_at: datetime
    decisions: tuple[Decision, ...]

    @property
    def id(self) -> str:
        return self.studio


class EntryLine(Record):
    """An entry in the queue; `verdict` is the worst of its materials'."""

    kind: Literal["entry"] = "entry"
    entry: EntryId
    studio: StudioId
    studio_name: str
    campaign: CampaignId
    track: TrackId
    theme: ThemeId | None = None
    title: str
    province: Province
    city: City
    attempt: int
    state: State
    handed_in_at: datetime
    verdict: Verdict
    decisions: tuple[Decision, ...]

    @property
    def id(self) -> str:
        return self.entry


Line = Annotated[StudioLine | EntryLine, Field(discriminator="kind")]


class Wanted(Record):
    """What somebody wants to see of a queue; None does not bound."""

    state: State | None = None
    city: City | None = None
    campaign: CampaignId | None = None
    track: TrackId | None = None
    theme: ThemeId | None = None
    verdict: Verdict | None = None
    text: str | None = None
    """Occurs in the studio's name or the entry's title."""


class Cursor(NamedTuple):
    """Where a page ended: the queue is in the order things were handed in."""

    handed_in_ms: int
    id: str

    def __str__(self) -> str:
        return f"{self.handed_in_ms}.{self.id}"

    @classmethod
    def after(cls, line: StudioLine | EntryLine) -> Self:
        return cls(round(line.handed_in_at.timestamp() * 1000), line.id)

    @classmethod
    def read(cls, written: str) -> Self:
        """Read back what `str` wrote; ValueError for anything else."""
        ms, dot, last = written.partition(".")
        if not (ms.isascii() and ms.isdecimal() and len(ms) <= 14 and dot and last):
            raise ValueError(f"{written!r} is no cursor")
        return cls(int(ms), last)


class QueuePage(Record):
    """A part of the queue. `next` is the `after` of the next part; None at the end. `total` counts them all."""

    items: tuple[Line, ...]
    next: str | None
    total: int


class Counts(Record):
    """How many wait, were approved, were returned."""

    waiting: int = 0
    approved: int = 0
    returned: int = 0


class CityCounts(Record):
    """The counts of one city."""

    province: Province
    city: City
    studios: Counts
    entries: Counts


class Summary(Record):
    """The counts of what a caller may see."""

    studios: Counts
    entries: Counts
    cities: tuple[CityCounts, ...]
