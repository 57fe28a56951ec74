"""Scores, the closed tally, and results."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from contracts.events.review import Ranked
from contracts.events.voting import Tallied
from contracts.ids import AccountId, AwardId, CampaignId, EntryId, Revision, StudioId, TrackId
from services.review.screening.models import Record, Request


class Score(Record):
    """What one expert gave one studio in one dimension."""

    campaign: CampaignId
    studio: StudioId
    dimension: str
    score: float
    by: AccountId
    at: datetime
    revision: Revision

    @property
    def id(self) -> str:
        return f"{self.campaign}/{self.studio}/{self.dimension}/{self.by}"


class Tally(Record):
    """The closed tally, as voting told it."""

    at: datetime
    votes: int
    entries: tuple[Tallied, ...]
    digest: str


class Award(Record):
    """An award somebody won; `votes` or `score` is what it was won by."""

    award: AwardId
    title: str
    rank: int
    entry: EntryId | None = None
    studio: StudioId | None = None
    account: AccountId | None = None
    votes: int | None = None
    score: float | None = None


class Published(Record):
    """A campaign's frozen results."""

    campaign: CampaignId
    revision: Revision
    at: datetime
    by: AccountId
    ranking: tuple[Ranked, ...]
    awards: tuple[Award, ...]
    tally_digest: str


class Standing(Record):
    """What of a campaign's results there is so far."""

    tally: Tally | None = None
    published: Published | None = None


class PublicResults(Record):
    """A campaign's results as everybody may read them."""

    campaign: CampaignId
    revision: Revision
    at: datetime
    ranking: tuple[Ranked, ...]
    awards: tuple[Award, ...]
    tally_digest: str
    ties_zh: str = (
        "票数相同者名次并列，其后名次顺延（1、2、2、4）；同名次按申报编号排列。奖项名额的最后一名并列者均获奖。"
    )
    ties_en: str = (
        "Equal votes share a rank and the next rank is skipped (1, 2, 2, 4); within a rank, entries are listed by id. "
        "Everybody who shares the last rank an award is given for wins it."
    )


class ScoreSheet(Request):
    """A score an expert gives; giving another for the same dimension replaces it."""

    campaign: CampaignId
    studio: StudioId
    dimension: str
    score: Annotated[float, Field(ge=0, le=100)]


class Publication(Request):
    """How many ranks win an award whose number the rulebook leaves open; 1 where none is given."""

    counts: dict[AwardId, Annotated[int, Field(ge=1, le=1000)]] = Field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """An approved entry that may be ranked, with its votes."""

    entry: EntryId
    studio: StudioId
    account: AccountId
    track: TrackId
    title: str
    studio_name: str
    votes: int
