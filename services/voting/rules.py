"""What decides about ballots and tallies: pure, with the time passed in."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from chassis.refusal import Refused
from contracts.canonical import canonical_json
from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId
from contracts.rulebook import Rulebook, Rulebooks
from contracts.rulebook.voting import Voting
from services.voting import pseudonyms
from services.voting.models import (
    AlreadyCounted,
    Answered,
    Ballot,
    BallotIn,
    Channels,
    ClosedTally,
    Counts,
    Handed,
    Held,
    LimitName,
    Malformed,
    NonceReused,
    NotVotable,
    OutsideWindow,
    OverLimit,
    Repeats,
    Tally,
    Votable,
)

SIGNED_AS: Final = "zhumeng-tally+jws"
"""Sets a closed tally apart from what else is signed with the same key."""
SETTLED_AFTER = timedelta(seconds=12)
"""A ballot received inside the window is in the store, or was refused, this long after the window closed: a request
ends within ten seconds, so does a message's handling."""
NEAR = timedelta(seconds=30)
"""Around an instant where decisions change, two deliveries of one message could decide differently: more than twice as
long as its handling takes."""
AT_HAND = timedelta(seconds=2)
"""So long after a message was first received another delivery of it may decide as if received then: what it keeps is in
the store when `SETTLED_AFTER` is over, counted from the first."""
LARGEST_BATCH: Final = 1000
"""Ballots in one request or message."""
LARGEST_BODY: Final = 1 << 20
"""Bytes of one request: room for the largest batch, and little more."""


def in_milliseconds(now: datetime) -> datetime:
    """An instant cut to whole milliseconds, as it is kept."""
    return now - _BELOW[now.microsecond % 1000]


_BELOW = [timedelta(microseconds=below) for below in range(1000)]


def channel_of(channels: Channels, sender: str | None) -> str:
    """The channel an account or RabbitMQ user hands ballots in for: the one it is listed with, or else one of its own.
    Refused where the sender is not named."""
    if not sender:
        zh, en = "消息没有注明发送者。", "The message does not name its sender."
        raise Refused(403, "sender_not_named", zh, en, mend="Set `user_id` on the AMQP message.")
    return channels.names.get(sender, sender)


def handed(key: bytes, channel: str, ballot: BallotIn, received_at: datetime) -> Handed | Malformed:
    """A ballot as received in a channel, `received_at` in whole milliseconds."""
    if not (own := pseudonyms.normal_voter(ballot.voter)):
        return Malformed("voter: nothing of it can be seen")
    try:
        address = ballot.address and pseudonyms.of_address(key, ballot.address)
    except ValueError:
        return Malformed("address: neither IPv4 nor IPv6")
    device = ballot.device and pseudonyms.of_device(key, channel, ballot.device)
    return Handed(
        CampaignId(ballot.campaign), EntryId(ballot.entry), channel, pseudonyms.of_voter(key, channel, own), own,
        received_at, ballot.cast_at, device, address, ballot.nonce,
    )  # fmt: skip


def decide(
    handed: Handed,
    ballot_id: BallotId,
    rulebook: Rulebook | None,
    entry: Votable | None,
    earlier: Sequence[Ballot],
    named: frozenset[str] = frozenset(),
) -> Answered:
    """What becomes of a ballot. `earlier` holds the voter's ballots in the campaign from the first on; `named` the
    channels that were given one of a rulebook's names."""
    if earlier and handed.nonce is not None and (known := _of_nonce(handed, earlier)) is not None:
        return known
    if rulebook is None or rulebook.voting is None:
        return NotVotable("campaign")
    voting = rulebook.voting
    if handed.channel in named and handed.channel not in {channel.id for channel in voting.channels}:
        return NotVotable("channel")
    if entry is None or entry.campaign != handed.campaign or entry.track not in voting.tracks:
        return NotVotable("entry")
    day = _day(rulebook.time_zone, handed.received_at.timestamp() // 60)
    reached = _reached_limit(handed, voting, earlier, day) if earlier else None
    if isinstance(reached, AlreadyCounted | Held):
        return reached
    if rulebook.vote_window(handed.received_at) is None:
        return _outside(handed.received_at, rulebook, voting)
    return reached or Counts(_ballot(handed, ballot_id, rulebook, entry, len(earlier) + 1, day))


def changes(rulebook: Rulebook | None, after: datetime, upto: datetime) -> bool:
    """Whether a ballot could be decided on otherwise at `upto` than `after`, for the time alone: a window opens or
    closes between them, or another day begins."""
    if rulebook is None or rulebook.voting is None:
        return False
    edges = (moment.instant for window in rulebook.voting.windows for moment in (window.opens, window.closes))
    first, last = (_day(rulebook.time_zone, at.timestamp() // 60) for at in (after, upto))
    return first != last or any(after < edge <= upto for edge in edges)


def _outside(received_at: datetime, rulebook: Rulebook, voting: Voting) -> OutsideWindow:
    ahead = (window for window in voting.windows if received_at < window.closes.instant)
    window = next(ahead, voting.windows[-1])
    opens, closes = (moment.instant.astimezone(rulebook.zone) for moment in (window.opens, window.closes))
    return OutsideWindow(opens, closes)


def _of_nonce(handed: Handed, earlier: Sequence[Ballot]) -> Held | Repeats | NonceReused | None:
    first = next((ballot for ballot in earlier if ballot.nonce == handed.nonce), None)
    if first is None:
        return None
    if first.entry != handed.entry:
        return NonceReused()
    return Held(first.id) if first.held else Repeats(first.id)


Used = tuple[LimitName, int, list[Ballot]]
"""A limit, how many votes it allows, and the ballots that used it."""


def _used(handed: Handed, voting: Voting, mine: Sequence[Ballot], day: str) -> Iterator[Used]:
    limits = voting.limits_in(handed.channel)
    if limits.per_entry is not None:
        yield "per_entry", limits.per_entry, [ballot for ballot in mine if ballot.entry == handed.entry]
    if limits.per_day is not None:
        yield "per_day", limits.per_day, [ballot for ballot in mine if ballot.day == day]
    if limits.per_campaign is not None:
        yield "per_campaign", limits.per_campaign, list(mine)


def _reached_limit(
    handed: Handed, voting: Voting, earlier: Sequence[Ballot], day: str
) -> AlreadyCounted | Held | OverLimit | None:
    """The limit that is used up. One ballot, used for this very entry, was counted or held before; anything else is
    over."""
    reached = [each for each in _used(handed, voting, earlier, day) if len(each[2]) >= each[1]]
    for _, allowed, used in reached:
        if allowed == 1 and used[0].entry == handed.entry:
            return Held(used[0].id) if used[0].held else AlreadyCounted(used[0].id)
    return next((OverLimit(name, allowed) for name, allowed, _ in reached), None)


def _ballot(handed: Handed, ballot_id: BallotId, rulebook: Rulebook, entry: Votable, n: int, day: str) -> Ballot:
    return Ballot(
        ballot_id, rulebook.id, rulebook.revision, entry.id, handed.channel, handed.voter, n, day,
        handed.received_at, handed.cast_at, handed.device, handed.address, handed.nonce,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _day(zone: str, minute: float) -> str:
    """The calendar day of a minute since 1970; all of it lies in one."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone)).date().isoformat()


def ballot_prefix(book: str, number: int) -> str:
    """What the id of a book's ballot begins with; ids rise with numbers."""
    return f"{book[:8]}-{book[8:12]}-{book[12:]}-{number >> 16:04x}-{number & 0xFFFF:04x}"


def ballot_id(book: str, number: int, guess: str) -> BallotId:
    """The id of a book's ballot in the form of a UUID: 16 digits for the book, 8 for the number, and 8 that keep
    anybody who knows one receipt from finding the next."""
    return BallotId(ballot_prefix(book, number) + guess)


def number_of(ballot: BallotId) -> int:
    """The place of a ballot in its book, from 1."""
    return int(ballot[19:23] + ballot[24:28], 16)


def book_of(ballot: BallotId) -> str:
    """The book a ballot is in."""
    return ballot[:8] + ballot[9:13] + ballot[14:18]


def tally(campaign: CampaignId, counts: Iterable[tuple[EntryId, int]]) -> Tally:
    """The tally of votes by entry, in its one order."""
    entries = (Tallied(entry=entry, votes=votes) for entry, votes in counts)
    return Tally(campaign=campaign, entries=tuple(sorted(entries, key=lambda each: (-each.votes, each.entry))))


def presentable(tally: Tally) -> Tally:
    """A live tally as it is shown: without an entry that has less than no votes for the moment."""
    return tally.model_copy(update={"entries": tuple(each for each in tally.entries if each.votes > 0)})


def canonical(entries: Sequence[Tallied]) -> bytes:
    """The bytes of a tally: JSON with sorted keys and no blanks, in UTF-8."""
    return canonical_json([each.model_dump(mode="json") for each in entries])


def digest(entries: Sequence[Tallied]) -> str:
    """SHA-256 over the canonical bytes, in hex."""
    return hashlib.sha256(canonical(entries)).hexdigest()


def public_vote(rulebooks: Rulebooks, campaign: CampaignId) -> tuple[Rulebook, Voting]:
    """A campaign's rulebook and what it says of the vote; Refused where there is no public vote."""
    rulebook = rulebooks.get(campaign)
    if rulebook is None or rulebook.voting is None:
        raise Refused(404, "no_public_vote", "没有这项活动，或该活动不设公众投票。", "There is no such public vote.")
    return rulebook, rulebook.voting


def closed(tally: Tally, rulebook: Rulebook, now: datetime, *, held: int, voided: int) -> ClosedTally:
    """The tally as it is frozen, with how many ballots are not in it."""
    return ClosedTally(
        campaign=tally.campaign, entries=tally.entries, revision=rulebook.revision, digest=digest(tally.entries),
        closed_at=in_milliseconds(now), held=held, voided=voided,
    )  # fmt: skip


def statement(tally: ClosedTally) -> dict[str, Any]:
    """What is signed of a closed tally: all that was closed, with the sum of its votes."""
    return {**tally.model_dump(mode="json", exclude={"signature"}, exclude_none=True), "votes": tally.votes}


def ended(rulebook: Rulebook, now: datetime) -> bool:
    """Whether the last voting window has closed."""
    return rulebook.voting is not None and now >= rulebook.voting.windows[-1].closes.instant


def settled(rulebook: Rulebook, now: datetime) -> bool:
    """Whether no ballot received inside the window can still be on its way into the store."""
    return ended(rulebook, now - SETTLED_AFTER)
