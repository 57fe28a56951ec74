"""What is decided about ballots, by whom, and how far it is carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.ids import AccountId, BallotId, CampaignId, EntryId, Revision
from services.voting.models import Kept, Record, State

MOST_NAMED = 1000
"""Ballots that one ruling names one by one."""
RulingId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Do = Literal["count", "void"]
Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Request(BaseModel):
    """What somebody asks for."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Where(Request):
    """Which ballots: all of one state that fit everything that is named."""

    state: State
    signal: Word | None = None
    """Id of the rulebook's rule they tripped when they were handed in."""
    entry: EntryId | None = None
    channel: Word | None = None
    device: Word | None = None
    """As ballots that are listed show it; so the address."""
    address: Word | None = None
    since: AwareDatetime | None = None
    """Received then or later."""
    until: AwareDatetime | None = None
    """Received before. In a ruling at the latest when it is given: it is about what there was to be seen."""


class Asked(Request):
    """What is to be done, why, and to which ballots: named one by one, or selected."""

    do: Do
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
    ballots: Annotated[tuple[BallotId, ...], Field(min_length=1, max_length=MOST_NAMED)] | None = None
    where: Where | None = None

    @model_validator(mode="after")
    def refuse_both_or_neither(self) -> Self:
        """Refuse what names ballots in two ways, or in none."""
        if (self.ballots is None) == (self.where is None):
            raise ValueError("give ballots or where, one of them")
        return self

    @model_validator(mode="after")
    def refuse_all_votes(self) -> Self:
        """Refuse to decide on every vote of a campaign at once."""
        if self.where == Where(state="counted"):
            raise ValueError("name signal, entry, channel, device, address, since or until: not all votes at once")
        return self


class Ruling(Record):
    """A decision on ballots, never changed but in how far it was carried out."""

    id: RulingId
    campaign: CampaignId
    revision: Revision
    asked: Asked
    by: AccountId
    at: datetime
    after: str = ""
    """It is carried out up to this ballot, in the order of their ids."""
    decided: int = 0
    """Ballots it changed; one that was already as it wants them is none."""
    done: bool = False


@dataclass(frozen=True)
class Page:
    """Some ballots in the order of their ids, and the one to go on behind; None where these were the last."""

    ballots: Sequence[Kept]
    next: str | None


@dataclass(frozen=True)
class Corrections:
    """What people decided in a campaign, so far."""

    version: int = 0
    """Another one after every change."""
    under_way: int = 0
    """Rulings that are not carried out wholly."""
    later: int = 0
    """Held ballots that were counted: they are numbered in the order they go into the stream."""
    closed: bool = False
    """The tally is frozen: nothing can be decided any more."""


class Held(Record):
    """How many ballots are held for a signal, by channel and entry. One that tripped several is in several."""

    signal: str
    channel: str
    entry: EntryId
    ballots: int
