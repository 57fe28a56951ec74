"""What voting tells: votes that count, what people decided about them, and the tally when the window has closed."""

from contracts.events.event import Event, Fact
from contracts.ids import AccountId, BallotId, CampaignId, EntryId, Revision


class VoteCast(Event, topic="voting.vote_cast.v1", subject="ballot"):
    """A ballot counts; `at` is when it was received. One that was held is told once somebody has it count."""

    ballot: BallotId
    campaign: CampaignId
    revision: Revision
    entry: EntryId
    channel: str
    voter: str
    """Pseudonym: a keyed hash of the channel's own id of the voter; equal voters are equal here."""


class Decided(Fact):
    """A ballot somebody decided on."""

    ballot: BallotId
    entry: EntryId
    channel: str
    vote: bool
    """It is in the vote stream; one that was held and never counted is not."""


class BallotsVoided(Event, topic="voting.ballots_voided.v1", subject="campaign"):
    """A person voided ballots: they are kept and count no more, or not at all. Of a large ruling, some of them."""

    campaign: CampaignId
    revision: Revision
    ruling: str
    """Id of the decision; the same for all that one decision voids."""
    reason: str
    by: AccountId
    ballots: tuple[Decided, ...]


class VotesRestored(Event, topic="voting.votes_restored.v1", subject="campaign"):
    """A person had voided votes count again: they were in the stream and are not told there once more."""

    campaign: CampaignId
    revision: Revision
    ruling: str
    reason: str
    by: AccountId
    ballots: tuple[Decided, ...]


class Tallied(Fact):
    """How many votes an entry has."""

    entry: EntryId
    votes: int


class TallyClosed(Event, topic="voting.tally_closed.v1", subject="campaign"):
    """The voting window ended, everything accepted was counted, the tally is frozen."""

    campaign: CampaignId
    revision: Revision
    votes: int
    entries: tuple[Tallied, ...]
    """By votes, most first; equal votes by entry id."""
    digest: str
    """SHA-256 over the canonical JSON of `entries`."""
    held: int = 0
    """Ballots nobody had decided on when it was closed: not in it, as are those that were voided."""
    voided: int = 0
