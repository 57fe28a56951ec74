"""What voting keeps and decides: ballots, entries that may be voted on, tallies."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId, Revision, StudioId, ThemeId, TrackId


class Record(BaseModel):
    """Something kept as it is."""

    model_config = ConfigDict(frozen=True)


class Votable(Record):
    """An entry its province approved."""

    id: EntryId
    campaign: CampaignId
    track: TrackId
    theme: ThemeId | None
    title: str
    studio: StudioId
    studio_name: str
    approved_at: datetime


@dataclass(frozen=True)
class Channels:
    """How ballots are attributed."""

    voter_key: bytes
    names: Mapping[str, str]
    """A rulebook's channel by the account, or RabbitMQ user, that hands ballots in for it."""

    @property
    def named(self) -> frozenset[str]:
        """The channels that somebody is listed for."""
        return frozenset(self.names.values())


class Handed(Record):
    """A ballot as a channel handed it in, and when it was received."""

    campaign: CampaignId
    entry: EntryId
    channel: str
    voter: str
    """The pseudonym."""
    received_at: datetime
    """By the server's clock, in whole milliseconds: the time that decides."""
    cast_at: datetime | None = None
    """By the channel's clock: recorded only."""
    nonce: str | None = None


class Ballot(Record):
    """A ballot that counts. It is never changed and never deleted."""

    id: BallotId
    campaign: CampaignId
    revision: Revision
    entry: EntryId
    channel: str
    voter: str
    day: str
    """The calendar day it counts for in the campaign's time zone: `2023-09-04`."""
    received_at: datetime
    cast_at: datetime | None
    claims: tuple[str, ...]
    """The places it takes in its voter's limits, and its nonce. No two ballots can hold the same claim."""


@dataclass(frozen=True)
class Counts:
    """The ballot is a vote, once it is kept."""

    ballot: Ballot


@dataclass(frozen=True)
class Repeats:
    """The same ballot under the same nonce was counted before: the first answer holds."""

    ballot: BallotId


@dataclass(frozen=True)
class AlreadyCounted:
    """The voter's one vote for this entry was counted before."""

    ballot: BallotId


LimitName = Literal["per_entry", "per_day", "per_campaign"]


@dataclass(frozen=True)
class OverLimit:
    """The voter used up a limit of the rulebook."""

    limit: LimitName
    allowed: int


@dataclass(frozen=True)
class OutsideWindow:
    """No voting window was open when the ballot was received; the next one, or the last."""

    opens: datetime
    """In the campaign's time zone, as `closes`."""
    closes: datetime


@dataclass(frozen=True)
class NotVotable:
    """There is nothing to vote on here: what is missing."""

    why: Literal["campaign", "channel", "entry"]


Answered = Counts | Repeats | AlreadyCounted | OverLimit | OutsideWindow | NotVotable
"""What can become of a ballot that was handed in as it should be."""


class Tally(Record):
    """Votes by entry, most first, equal votes by entry id; entries without a vote are not in it."""

    campaign: CampaignId
    entries: tuple[Tallied, ...]

    @property
    def votes(self) -> int:
        """All votes together."""
        return sum(each.votes for each in self.entries)


class ClosedTally(Tally):
    """A tally that will not change any more."""

    revision: Revision
    digest: str
    closed_at: datetime
