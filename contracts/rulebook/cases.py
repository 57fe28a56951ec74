"""Cases an organiser can read and extend: given this, the rulebook decides that. They are run as tests."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from contracts.ids import CampaignId, RuleId, SlotId, ThemeId, TrackId
from contracts.rulebook.calendar import PhaseId
from contracts.rulebook.clause import Clause, Key, Line
from contracts.rulebook.limits import Format
from contracts.rulebook.measures import Bytes, PixelSize, Span
from contracts.rulebook.moment import Moment
from contracts.rulebook.reading import read_as
from contracts.rulebook.refusal import RulebookRefused
from contracts.rulebook.source import parse_source, read_text


class TimeCase(Clause):
    """At this moment, these phases are open, and tickets, votes and the ranking are (not) to be had."""

    kind: Literal["time"]
    name: Line
    now: Moment
    phases: tuple[PhaseId, ...]
    tickets: bool
    votes: bool
    ranking: bool = True


class TicketCase(Clause):
    """A ticket taken then, its bytes complete then. `mend_by` is the deadline of a returned entry."""

    kind: Literal["ticket"]
    name: Line
    taken: Moment
    complete: Moment
    mend_by: Moment | None = None
    accepted: bool


class EntryPlace(Clause):
    """What an entry is for."""

    track: TrackId
    theme: ThemeId | None = None


class EntryCase(Clause):
    """An applicant, of a kind where that matters, who has some entries opens another; `refused_by` is the rule in its
    way, where there is one."""

    kind: Literal["entry"]
    name: Line
    applicant: Key | None = None
    has: tuple[EntryPlace, ...] = ()
    opens: EntryPlace
    refused_by: RuleId | None = None


class CompleteCase(Clause):
    """An applicant has submitted these entries; `lacks` are the rules it does not satisfy yet."""

    kind: Literal["complete"]
    name: Line
    submitted: tuple[EntryPlace, ...] = ()
    lacks: tuple[RuleId, ...] = ()


class QuotaCase(Clause):
    """A province, or a recommender of a kind, has recommended so many of a track and wants to recommend one more."""

    kind: Literal["quota"]
    name: Line
    track: TrackId
    recommender: Key | None = None
    recommended: Annotated[int, Field(ge=0)]
    accepted: bool


class Ballot(Clause):
    """A ballot the voter hands in, in the order written, and what becomes of it."""

    at: Moment
    entry: Line
    outcome: Literal["counted", "over_limit", "outside_window"]


class BallotCase(Clause):
    """One voter's ballots."""

    kind: Literal["ballots"]
    name: Line
    ballots: Annotated[tuple[Ballot, ...], Field(min_length=1)]


class VideoFile(Clause):
    """A video as measured; `shown` is the picture as displayed."""

    kind: Literal["video"]
    name: Line
    format: Format = "mp4"
    size: Bytes = 50 * 2**20
    duration: Span = timedelta(minutes=3)
    shown: PixelSize


class DocumentFile(Clause):
    """A document as measured, with the sizes of the pictures in it."""

    kind: Literal["document"]
    name: Line
    format: Format = "docx"
    size: Bytes = 2**20
    characters: Annotated[int, Field(ge=0)]
    pictures: tuple[PixelSize, ...] = ()


class ImageFile(Clause):
    """Pictures as measured, `times` different ones of the same size."""

    kind: Literal["images"]
    name: Line
    format: Format = "jpg"
    size: Bytes = 2**20
    shown: PixelSize
    times: Annotated[int, Field(ge=1)] = 1


class OtherFile(Clause):
    """Any other file."""

    kind: Literal["other"]
    name: Line
    format: Format
    size: Bytes = 2**10


MeasuredFile = Annotated[VideoFile | DocumentFile | ImageFile | OtherFile, Field(discriminator="kind")]


class Package(Clause):
    """The upload as a whole."""

    name: Line
    format: Format
    size: Bytes


class MaterialCase(Clause):
    """A package with these files, as measured; `breaks` are the rules with a finding against it, in any order."""

    kind: Literal["material"]
    name: Line
    track: TrackId
    slot: SlotId
    package: Package
    files: tuple[MeasuredFile, ...]
    verdict: Literal["pass", "advice", "fail"]
    breaks: tuple[RuleId, ...] = ()


Case = Annotated[
    TimeCase | TicketCase | EntryCase | CompleteCase | QuotaCase | BallotCase | MaterialCase,
    Field(discriminator="kind"),
]


class Cases(Clause):
    """All cases of one campaign."""

    campaign: CampaignId
    cases: Annotated[tuple[Case, ...], Field(min_length=1)]


def load_cases(path: Path) -> Cases:
    """The cases in a file. RulebookRefused lists everything wrong with it."""
    cases, problems = read_as(Cases, parse_source(read_text(path), str(path)))
    if problems or cases is None:
        raise RulebookRefused(tuple(sorted(problems)))
    return cases
