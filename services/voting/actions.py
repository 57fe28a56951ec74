"""What voting does: takes ballots in, counts votes, closes tallies."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import json

from chassis import crash
from chassis.clock import Clock
from chassis.logs import log
from chassis.refusal import Refused, Unavailable
from chassis.signing import SigningKey
from chassis.streams import Entry, Partitioned, body
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.review import EntrySubject, ProvinceApproved
from contracts.events.voting import TallyClosed
from contracts.ids import BallotId, CampaignId, EntryId
from contracts.ingress import BallotAnswer, BallotAnswers
from contracts.rulebook import Rulebook, Rulebooks
from services.voting import rules, wording
from services.voting.box import BallotBox
from services.voting.models import (
    AlreadyCounted,
    Answered,
    BallotIn,
    Channels,
    ClosedTally,
    Counts,
    Handed,
    Kept,
    Malformed,
    Repeats,
    Tally,
    Told,
    Votable,
)
from services.voting.rulings.models import Corrections
from services.voting.rulings.rules import decided_in_time
from services.voting.rulings.store import RulingStore
from services.voting.store import VotingStore

POLL_S = 0.25
"""How long counting waits for votes before it looks whether it is to stop."""
AT_ONCE = 20_000
"""Votes counted in one transaction, at most."""


@dataclass(frozen=True)
class Voting:
    """Takes ballots in and answers what became of each.

    A ballot that counts is its own record of who, when and what, never changed; there is no audit record beside it.
    """

    transactions: Transactions
    store: VotingStore
    rulebooks: Rulebooks
    clock: Clock
    channels: Channels
    box: BallotBox

    @transactional
    async def admit(self, tx: Transaction, approved: ProvinceApproved, entry: EntrySubject) -> None:
        """Let an approved entry be voted on, as far as the rulebook puts its track to the vote."""
        await self.store.admit(tx, Votable(
            id=entry.entry, campaign=entry.campaign, track=entry.track, theme=entry.theme, title=entry.title,
            studio=entry.studio, studio_name=entry.studio_name, approved_at=rules.in_milliseconds(approved.at),
        ))  # fmt: skip

    async def hand_in(
        self, sender: str | None, ballots: Sequence[BallotIn | Malformed], received_at: datetime
    ) -> list[Answered]:
        """What became of each ballot; those that count are kept when this returns."""
        channel = rules.channel_of(self.channels, sender)
        key, at = self.channels.voter_key, rules.in_milliseconds(received_at)
        read = [each if isinstance(each, Malformed) else rules.handed(key, channel, each, at) for each in ballots]
        decided = await self.box.hand_in([each for each in read if isinstance(each, Handed)])
        if len(decided) < len(read):
            answers = iter(decided)
            decided = [each if isinstance(each, Malformed) else next(answers) for each in read]
        self._note(channel, read, decided)
        return decided

    def _note(self, channel: str, read: Sequence[Handed | Malformed], decided: Sequence[Answered]) -> None:
        """A line for what was refused or held, by entry and outcome; it names no voter."""
        if all(isinstance(decision, Counts) for decision in decided):
            return
        noted: Counter[tuple[str, str, str]] = Counter()
        for each, decision in zip(read, decided, strict=True):
            if not isinstance(decision, Counts | Repeats | AlreadyCounted):
                campaign, entry = (each.campaign, each.entry) if isinstance(each, Handed) else ("", "")
                noted[campaign, entry, wording.answer(decision).outcome] += 1
        for (campaign, entry, outcome), ballots in noted.items():
            said = {"campaign": campaign, "entry": entry, "channel": channel, "outcome": outcome, "ballots": ballots}
            log().info("ballots_held" if outcome == "held" else "ballot_refused", **said)

    async def hand_in_message(self, sender: str | None, message: str, ballot: BallotIn) -> None:
        """Decide on a ballot from the bus, and keep the answer, so that a repeat of the message gets the same."""
        [decision] = await self.hand_in(sender, [ballot], await self._received_at(message, [ballot]))
        wording.refuse_alone(decision)
        await self._answer(BallotAnswer.model_validate(wording.answer(decision), from_attributes=True))

    async def hand_in_messages(self, sender: str | None, message: str, ballots: Sequence[BallotIn | Malformed]) -> None:
        """The same for a batch."""
        decided = await self.hand_in(sender, ballots, await self._received_at(message, ballots))
        answers = [wording.answer(decision) for decision in decided]
        await self._answer(BallotAnswers.model_validate({"answers": answers}, from_attributes=True))

    async def _received_at(self, message: str, ballots: Sequence[BallotIn | Malformed]) -> datetime:
        """When a message was received. Near an instant where decisions change it is when its first delivery was, so
        that of two handled at once none records a refusal of what the other keeps. Unavailable where such an instant
        has passed since, and what the first delivery keeps may not be in the store yet."""
        now = rules.in_milliseconds(self.clock.now())
        campaigns = {CampaignId(each.campaign) for each in ballots if isinstance(each, BallotIn)}
        rulebooks = [self.rulebooks.get(campaign) for campaign in campaigns]
        if not any(rules.changes(each, now - rules.NEAR, now + rules.NEAR) for each in rulebooks):
            return now
        first = await self.store.received(message, now, rules.SETTLED_AFTER)
        if now - first > rules.AT_HAND and any(rules.changes(each, first, now) for each in rulebooks):
            raise Unavailable("received before what counts changed, and its first delivery may still be under way")
        return first

    @transactional
    async def _answer(self, tx: Transaction, answer: BallotAnswer | BallotAnswers) -> None:
        tx.answer(answer)

    async def receipt(self, ballot: BallotId) -> Kept:
        """A ballot and what it is now; 404 where there is none of that id."""
        if (found := await self.store.ballot(ballot)) is None:
            raise Refused(404, "unknown_ballot", "没有这张选票。", "No ballot has this id.")
        return found

    async def entries(self, campaign: CampaignId, after: str, limit: int) -> list[Votable]:
        """The entries of a campaign that can be voted on; 404 where it has no public vote."""
        tracks = rules.public_vote(self.rulebooks, campaign)[1].tracks
        return await self.store.votables(campaign, tracks, after, limit)

    async def shown(self, campaign: CampaignId) -> tuple[Rulebook, Tally]:
        """The closed tally, or the count so far; 404 where the campaign has no public vote."""
        rulebook, _ = rules.public_vote(self.rulebooks, campaign)
        return rulebook, await self.store.closed(campaign) or rules.presentable(await self.store.live(campaign))


@dataclass(frozen=True)
class Tallying:
    """Counts the votes in the stream, and closes the count when the window has ended."""

    transactions: Transactions
    store: VotingStore
    rulebooks: Rulebooks
    clock: Clock
    stream: Callable[[], Partitioned]
    key: SigningKey
    rulings: RulingStore
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def count(self) -> bool:
        """Count what each partition has beyond what was counted, as much as there is at hand; False where there is
        nothing. The counts and the place in the partition are one transaction, so a vote is counted once."""
        async with self.turn:
            names = await self.stream().parts()
            busy, away = False, None
            polled = await asyncio.gather(*map(self._beyond, names), return_exceptions=True)
            for name, found in zip(names, polled, strict=True):
                if isinstance(found, BaseException):
                    away = found  # and the others are counted all the same
                    continue
                await self._count(name, *found)
                busy = busy or bool(found[1])
            if away is not None:
                raise away
            return busy

    async def _beyond(self, partition: str) -> tuple[int, list[Entry]]:
        """Where counting goes on in a partition, and what lies there."""
        start = await self.store.position(partition)
        return start, await (await self.stream().part(partition)).poll(start, POLL_S)

    async def _count(self, partition: str, start: int, entries: Sequence[Entry]) -> None:
        for at in range(0, len(entries), AT_ONCE):
            some = entries[at : at + AT_ONCE]
            crash.point("begun")
            if not await self._add(partition, start, some):
                return
            start = some[-1].offset + 1

    @transactional
    async def _add(self, tx: Transaction, partition: str, start: int, entries: Sequence[Entry]) -> bool:
        votes: dict[CampaignId, Counter[EntryId]] = defaultdict(Counter)
        for entry in entries:
            told = json.decode(body(entry.message), type=Told)
            votes[told.campaign][told.entry] += 1
        return await self.store.count(tx, partition, start, entries[-1].offset + 1, votes)

    async def close_ended(self) -> list[CampaignId]:
        """Close every tally whose time has come; says which."""
        ended = [rulebook for rulebook in self.rulebooks.values() if rules.settled(rulebook, self.clock.now())]
        return [rulebook.id for rulebook in ended if await self._close_one(rulebook)]

    async def _close_one(self, rulebook: Rulebook) -> bool:
        """Close a tally that is not closed yet, of a campaign something was approved in, once nobody decides on its
        ballots any more, or in time, and a recount of them gives what was counted."""
        campaign = rulebook.id
        if await self.store.closed(campaign) or not await self.store.has_entries(campaign):
            return False
        corrections, held = await self.rulings.corrections(campaign), await self.rulings.amount(campaign, "held")
        if corrections.under_way or (held and decided_in_time(rulebook, self.clock.now())):
            return False
        recounted, live = await self.store.recount(campaign), await self.store.live(campaign)
        if live.votes >= recounted.votes and live != recounted:
            log().error("tally_disagrees", campaign=campaign, ballots=recounted.votes, tallied=live.votes)
        left = {"held": held, "voided": await self.rulings.amount(campaign, "voided")}
        return live == recounted and await self._close(rulebook, corrections, left)

    @transactional
    async def _close(
        self, tx: Transaction, rulebook: Rulebook, corrected: Corrections, left: Mapping[str, int]
    ) -> bool:
        """Freeze the tally, signed; told in the same transaction. No ballot can come any more, so what was recounted
        holds, unless somebody decided on one since."""
        if await self.store.closed(rulebook.id, tx) or await self.rulings.corrections(rulebook.id, tx) != corrected:
            return False
        closed = rules.closed(await self.store.live(rulebook.id, tx), rulebook, self.clock.now(), **left)
        signature = self.key.sign(rules.statement(closed), rules.SIGNED_AS)
        await self.store.close(tx, closed.model_copy(update={"signature": signature}))
        tx.tell(_tally_closed(closed))
        facts: dict[str, Any] = {"votes": closed.votes, **left, "digest": closed.digest}
        tx.audit(f"campaign/{closed.campaign}", "close_tally", **facts)
        log().info("tally_closed", campaign=closed.campaign, **facts)
        return True


def _tally_closed(tally: ClosedTally) -> TallyClosed:
    return TallyClosed(
        at=tally.closed_at, campaign=tally.campaign, revision=tally.revision, votes=tally.votes,
        entries=tally.entries, digest=tally.digest, held=tally.held or 0, voided=tally.voided or 0,
    )  # fmt: skip
