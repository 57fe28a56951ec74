"""What voting tells: votes that count, and the tally when the window has closed."""

from contracts.events.event import Event, Fact
from contracts.ids import BallotId, CampaignId, EntryId, Revision


class VoteCast(Event, topic="voting.vote_cast.v1", subject="ballot"):
    """A ballot was counted; `at` is when it was received."""

    ballot: BallotId
    campaign: CampaignId
    revision: Revision
    entry: EntryId
    channel: str
    voter: str
    """Pseudonym: a keyed hash of the channel's own id of the voter; equal voters are equal here."""


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
