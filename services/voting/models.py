"""What voting keeps and decides: ballots, entries that may be voted on, tallies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal

from msgspec import Meta, Struct
from pydantic import BaseModel, ConfigDict

from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId, Revision, StudioId, ThemeId, TrackId
from services.voting.settings import Channel

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Given = Annotated[str, Meta(min_length=1, max_length=128)]
State = Literal["counted", "held", "voided"]
"""What a ballot is: a vote, or kept without counting, until somebody decides on it or since somebody did."""


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


UNLISTED = Channel()


@dataclass(frozen=True)
class Channels:
    """How ballots are attributed."""

    voter_key: bytes
    agreed: Mapping[str, Channel] = field(default_factory=dict)
    """What was agreed with a channel, by its id."""

    @cached_property
    def names(self) -> Mapping[str, str]:
        """A rulebook's channel by the account, or RabbitMQ user, that hands ballots in for it."""
        return {account: name for name, channel in self.agreed.items() for account in channel.accounts}

    @property
    def named(self) -> frozenset[str]:
        """The channels that somebody is listed for."""
        return frozenset(self.names.values())

    def agreed_with(self, channel: str) -> Channel:
        """What was agreed with a channel; what holds for all where it was nothing."""
        return self.agreed.get(channel, UNLISTED)


class BallotIn(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A ballot as a channel writes it. Read tens of thousands of times a second, so neither this nor what is made of
    it is a pydantic model, or anything the garbage collector looks at."""

    campaign: Id
    entry: Id
    voter: Given
    cast_at: Annotated[datetime, Meta(tz=True)] | None = None
    device: Given | None = None
    address: Given | None = None
    nonce: Given | None = None


class Handed(Struct, frozen=True, gc=False):
    """A ballot as a channel handed it in, and when it was received."""

    campaign: CampaignId
    entry: EntryId
    channel: str
    voter: str
    """The pseudonym."""
    own: str
    """The channel's own id of the voter, normalised: looked at, never kept."""
    received_at: datetime
    """By the server's clock, in whole milliseconds: the time that decides."""
    cast_at: datetime | None = None
    """By the channel's clock: recorded only."""
    device: str | None = None
    """A pseudonym as well, as is the address."""
    address: str | None = None
    nonce: str | None = None

    @property
    def person(self) -> str:
        """The voter in the campaign, whose ballots are numbered."""
        return f"{self.campaign}/{self.voter}"


class Ballot(Struct, frozen=True, omit_defaults=True, gc=False):
    """A ballot as it was kept, which uses its voter's limits. It is never changed or deleted; whether it counts is
    kept beside it."""

    id: BallotId
    campaign: CampaignId
    revision: Revision
    entry: EntryId
    channel: str
    voter: str
    n: int
    """The how-manieth of its voter in the campaign, from 1 without a gap. No two ballots can have the same, and whoever
    takes `n` has seen all before it: that makes every limit exact."""
    day: str
    """The calendar day it counts for in the campaign's time zone: `2023-09-04`."""
    received_at: datetime
    cast_at: datetime | None = None
    device: str | None = None
    address: str | None = None
    nonce: str | None = None
    held: tuple[str, ...] = ()
    """The rulebook's signals it tripped: it was not counted when it was handed in, but answered as held."""


@dataclass(frozen=True)
class Kept:
    """A ballot and what it is now."""

    ballot: Ballot
    state: State
    told: bool
    """It is in the vote stream or on its way there: it counts, or did until it was voided."""
    ruling: str | None = None
    """The last one that decided on it."""


class Counts(Struct, frozen=True, gc=False):
    """The ballot is a vote, once it is kept."""

    ballot: Ballot


@dataclass(frozen=True)
class Held:
    """The ballot is kept and does not count before somebody says so. A repeat, or another ballot for its entry, is
    answered the same, whatever was decided since: its id tells that."""

    ballot: BallotId


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


@dataclass(frozen=True)
class NonceReused:
    """The voter's nonce belongs to a ballot for another entry."""


@dataclass(frozen=True)
class Malformed:
    """It is no ballot: what does not fit, and where."""

    reason: str


Answered = Counts | Held | Repeats | AlreadyCounted | OverLimit | OutsideWindow | NotVotable | NonceReused | Malformed
"""What can become of a ballot."""


class Answer(Struct, frozen=True, gc=False):
    """What the channel is told of one ballot; see `contracts.ingress.BallotAnswer`."""

    outcome: str
    ballot: BallotId | None
    message_zh: str
    message_en: str


class Told(Struct, frozen=True):
    """What of a vote in the stream is counted."""

    campaign: CampaignId
    entry: EntryId


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
    held: int | None = None
    """Ballots nobody had decided on, and such as were voided: neither is in it. None in tallies that do not say so."""
    voided: int | None = None
    signature: str | None = None
    """Compact JWS over all the rest (`rules.statement`); tallies can be kept without one."""
