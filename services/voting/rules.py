"""What decides about ballots and tallies: pure, with the time passed in."""

import hashlib
import hmac
import json
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from chassis.refusal import Refused
from contracts.events.voting import Tallied
from contracts.ids import BallotId, CampaignId, EntryId
from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import Rulebook, Rulebooks
from contracts.rulebook.voting import Voting
from services.voting.models import (
    AlreadyCounted,
    Answered,
    Ballot,
    Channels,
    ClosedTally,
    Counts,
    Handed,
    LimitName,
    NotVotable,
    OutsideWindow,
    OverLimit,
    Repeats,
    Tally,
    Votable,
)

SETTLED_AFTER = timedelta(seconds=12)
"""A ballot received inside the window is in the store, or was refused, this long after the window closed: a request
ends within ten seconds, so does a message's handling."""
SHARDS = 16
"""Parts a live count of an entry is kept in, so that votes counted side by side seldom meet."""


def in_milliseconds(now: datetime) -> datetime:
    """An instant cut to whole milliseconds, as it is kept."""
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def normal_voter(voter: str) -> str:
    """The form in which two ids of one voter are equal; empty where nothing of it is left.

    Control and invisible format characters dropped, Unicode NFKC (full-width and composed forms), case folded,
    runs of white space one blank, none at the ends.
    """
    visible = "".join(c for c in voter if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf"))
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return " ".join(folded.split())


def pseudonym(key: bytes, channel: str, normal: str) -> str:
    """A voter of a channel as 128 bits in hex: HMAC-SHA-256 over channel and normalised id, cut in half."""
    said = json.dumps([channel, normal], ensure_ascii=False).encode(errors="surrogatepass")
    return hmac.digest(key, said, "sha256")[:16].hex()


def handed(channels: Channels, sender: str | None, ballot: HandInBallot, now: datetime, nonce: str | None) -> Handed:
    """A ballot as received from an account or RabbitMQ user. It is in the channel its sender is listed with, or else
    in a channel of the sender's own. Refused where the sender is not named or the voter's id is blank."""
    if not sender:
        zh, en = "消息没有注明发送者。", "The message does not name its sender."
        raise Refused(403, "sender_not_named", zh, en, mend="Set `user_id` on the AMQP message.")
    if not (voter := normal_voter(ballot.voter)):
        raise Refused(422, "voter_blank", "投票人标识为空。", "The voter's id is blank.")
    channel = channels.names.get(sender, sender)
    return Handed(
        campaign=ballot.campaign, entry=ballot.entry, channel=channel,
        voter=pseudonym(channels.voter_key, channel, voter),
        received_at=in_milliseconds(now), cast_at=ballot.cast_at, nonce=nonce,
    )  # fmt: skip


def decide(
    handed: Handed,
    ballot_id: BallotId,
    rulebook: Rulebook | None,
    entry: Votable | None,
    earlier: Sequence[Ballot],
    named: frozenset[str] = frozenset(),
) -> Answered:
    """What becomes of a ballot. `earlier` holds the voter's ballots in the campaign, and whichever has its nonce;
    `named` the channels that were given one of a rulebook's names. Refused where the nonce is another ballot's."""
    if (known := _of_nonce(handed, earlier)) is not None:
        return known
    if rulebook is None or rulebook.voting is None:
        return NotVotable("campaign")
    if handed.channel in named and handed.channel not in {channel.id for channel in rulebook.voting.channels}:
        return NotVotable("channel")
    if entry is None or entry.campaign != handed.campaign or entry.track not in rulebook.voting.tracks:
        return NotVotable("entry")
    reached = _reached_limit(handed, rulebook, earlier)
    if isinstance(reached, AlreadyCounted):
        return reached
    if rulebook.vote_window(handed.received_at) is None:
        return _outside(handed.received_at, rulebook, rulebook.voting)
    return reached or Counts(_ballot(handed, ballot_id, rulebook, earlier))


def _outside(received_at: datetime, rulebook: Rulebook, voting: Voting) -> OutsideWindow:
    ahead = (window for window in voting.windows if received_at < window.closes.instant)
    window = next(ahead, voting.windows[-1])
    opens, closes = (moment.instant.astimezone(rulebook.zone) for moment in (window.opens, window.closes))
    return OutsideWindow(opens, closes)


def nonce_claim(handed: Handed) -> str | None:
    """The claim that keeps a channel's nonce from being used twice."""
    return None if handed.nonce is None else f"nonce/{handed.channel}/{handed.nonce}"


def _of_nonce(handed: Handed, earlier: Sequence[Ballot]) -> Repeats | None:
    claim = nonce_claim(handed)
    first = next((ballot for ballot in earlier if claim in ballot.claims), None)
    if first is None:
        return None
    if (first.campaign, first.entry, first.voter) != (handed.campaign, handed.entry, handed.voter):
        zh, en = "该随机码已用于另一张选票。", "This nonce was used for another ballot."
        raise Refused(409, "nonce_reused", zh, en, mend="Give every ballot a nonce of its own.")
    return Repeats(first.id)


Used = tuple[LimitName, int, list[Ballot]]
"""A limit, how many votes it allows, and the ballots that used it."""


def _used(handed: Handed, rulebook: Rulebook, earlier: Sequence[Ballot]) -> Iterator[Used]:
    limits, day = rulebook.voting.limits if rulebook.voting else None, _day(handed, rulebook)
    mine = [ballot for ballot in earlier if (ballot.campaign, ballot.voter) == (handed.campaign, handed.voter)]
    if limits and limits.per_entry is not None:
        yield "per_entry", limits.per_entry, [ballot for ballot in mine if ballot.entry == handed.entry]
    if limits and limits.per_day is not None:
        yield "per_day", limits.per_day, [ballot for ballot in mine if ballot.day == day]
    if limits and limits.per_campaign is not None:
        yield "per_campaign", limits.per_campaign, mine


def _reached_limit(handed: Handed, rulebook: Rulebook, earlier: Sequence[Ballot]) -> AlreadyCounted | OverLimit | None:
    """The limit that is used up. One vote, used for this very entry, was already counted; anything else is over."""
    reached = [each for each in _used(handed, rulebook, earlier) if len(each[2]) >= each[1]]
    for _, allowed, used in reached:
        if allowed == 1 and used[0].entry == handed.entry:
            return AlreadyCounted(used[0].id)
    return next((OverLimit(name, allowed) for name, allowed, _ in reached), None)


def _ballot(handed: Handed, ballot_id: BallotId, rulebook: Rulebook, earlier: Sequence[Ballot]) -> Ballot:
    day = _day(handed, rulebook)
    scopes = {"per_entry": f"entry/{handed.entry}", "per_day": f"day/{day}", "per_campaign": "campaign"}
    claims = [
        f"{handed.campaign}/{handed.voter}/{scopes[name]}/{len(used) + 1}"
        for name, _, used in _used(handed, rulebook, earlier)
    ]
    if (nonce := nonce_claim(handed)) is not None:
        claims.append(nonce)
    return Ballot(
        id=ballot_id, revision=rulebook.revision, day=day, claims=tuple(claims),
        **handed.model_dump(exclude={"nonce"}),
    )  # fmt: skip


def _day(handed: Handed, rulebook: Rulebook) -> str:
    return rulebook.voting_day(handed.received_at).isoformat()


NOT_VOTABLE = {
    "campaign": ("没有这项活动，或该活动不设公众投票。", "There is no such campaign, or it has no public vote."),
    "channel": ("该活动不接受此渠道的投票。", "This campaign takes no ballots from this channel."),
    "entry": ("该作品不在可投票之列。", "This entry cannot be voted on."),
}
OVER_LIMIT = {
    "per_entry": ("您为该作品投的票已达上限（{}票）。", "You have used up your votes for this entry ({})."),
    "per_day": ("您今天的票数已达上限（{}票）。", "You have used up your votes for today ({})."),
    "per_campaign": ("您在本活动的票数已达上限（{}票）。", "You have used up your votes in this campaign ({})."),
}


def answer(decision: Answered) -> BallotAnswer:
    """What the channel is told, truly."""
    match decision:
        case Counts(Ballot(id=ballot)) | Repeats(ballot):
            return BallotAnswer(outcome="counted", ballot=ballot, message_zh="投票成功。", message_en="Counted.")
        case AlreadyCounted(ballot):
            zh, en = "您已经为该作品投过票。", "Your vote for this entry was counted before."
            return BallotAnswer(outcome="already_counted", ballot=ballot, message_zh=zh, message_en=en)
        case OverLimit(limit, allowed):
            zh, en = (text.format(allowed) for text in OVER_LIMIT[limit])
            return BallotAnswer(outcome="over_limit", message_zh=zh, message_en=en)
        case OutsideWindow(opens, closes):
            since, until = _on_the_clock(opens), _on_the_clock(closes)
            zh = f"现在不在投票时间内，投票时间为{since}至{until}。"
            en = f"Voting is not open now; it is from {since} to {until}."
            return BallotAnswer(outcome="outside_window", message_zh=zh, message_en=en)
        case NotVotable(why):
            zh, en = NOT_VOTABLE[why]
            return BallotAnswer(outcome="not_votable", message_zh=zh, message_en=en)


def _on_the_clock(at: datetime) -> str:
    return at.isoformat(" ", "seconds" if at.second else "minutes")


def shard(ballot: BallotId) -> int:
    """Which part of its entry's live count a ballot adds to."""
    return zlib.crc32(ballot.encode()) % SHARDS


def tally(campaign: CampaignId, counts: Iterable[tuple[EntryId, int]]) -> Tally:
    """The tally of votes by entry, in its one order."""
    entries = (Tallied(entry=entry, votes=votes) for entry, votes in counts)
    return Tally(campaign=campaign, entries=tuple(sorted(entries, key=lambda each: (-each.votes, each.entry))))


def canonical(entries: Sequence[Tallied]) -> bytes:
    """The bytes of a tally: JSON with sorted keys and no blanks, in UTF-8."""
    said = [each.model_dump(mode="json") for each in entries]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest(entries: Sequence[Tallied]) -> str:
    """SHA-256 over the canonical bytes, in hex."""
    return hashlib.sha256(canonical(entries)).hexdigest()


def public_vote(rulebooks: Rulebooks, campaign: CampaignId) -> tuple[Rulebook, Voting]:
    """A campaign's rulebook and what it says of the vote; Refused where there is no public vote."""
    rulebook = rulebooks.get(campaign)
    if rulebook is None or rulebook.voting is None:
        raise Refused(404, "no_public_vote", "没有这项活动，或该活动不设公众投票。", "There is no such public vote.")
    return rulebook, rulebook.voting


def closed(tally: Tally, rulebook: Rulebook, now: datetime) -> ClosedTally:
    """The tally as it is frozen."""
    return ClosedTally(
        campaign=tally.campaign, entries=tally.entries, revision=rulebook.revision, digest=digest(tally.entries),
        closed_at=in_milliseconds(now),
    )  # fmt: skip


def ended(rulebook: Rulebook, now: datetime) -> bool:
    """Whether the last voting window has closed."""
    return rulebook.voting is not None and now >= rulebook.voting.windows[-1].closes.instant


def settled(rulebook: Rulebook, now: datetime) -> bool:
    """Whether no ballot received inside the window can still be on its way into the store."""
    return ended(rulebook, now - SETTLED_AFTER)
