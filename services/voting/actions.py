"""What voting does: takes ballots in, counts votes, closes tallies."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from weakref import WeakValueDictionary

from chassis.clock import Clock
from chassis.ids import new_id
from chassis.logs import log
from chassis.refusal import Refused, Unavailable
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.review import EntrySubject, ProvinceApproved
from contracts.events.voting import TallyClosed, VoteCast
from contracts.ids import BallotId, CampaignId
from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import Rulebook, Rulebooks
from services.voting import rules
from services.voting.models import Answered, Ballot, Channels, ClosedTally, Counts, Handed, Tally, Votable
from services.voting.store import ClaimTaken, VotingStore

ATTEMPTS = 50
"""How often a ballot is decided on while others of the same voter keep getting in between."""
LOOKS, TRANSACTIONS = 25, 15
"""What one process has under way at a time; together fewer than its connections to MongoDB."""


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
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    looking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOOKS))
    settling: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TRANSACTIONS))

    @transactional
    async def admit(self, tx: Transaction, approved: ProvinceApproved, entry: EntrySubject) -> None:
        """Let an approved entry be voted on, as far as the rulebook puts its track to the vote."""
        await self.store.admit(tx, Votable(
            id=entry.entry, campaign=entry.campaign, track=entry.track, theme=entry.theme, title=entry.title,
            studio=entry.studio, studio_name=entry.studio_name, approved_at=rules.in_milliseconds(approved.at),
        ))  # fmt: skip

    async def hand_in(
        self, account: str, ballot: HandInBallot, received_at: datetime, nonce: str | None = None
    ) -> BallotAnswer:
        """Decide on a ballot and keep it where it counts. Looks first, so that repeats open no transaction."""
        handed = rules.handed(self.channels, account, ballot, received_at, nonce)
        turn = self._turn(handed)
        while isinstance(seen := await self._look(handed), Counts):
            if turn.locked():  # by a ballot of the same voter: see what became of it
                async with turn:
                    continue
            async with turn:
                return _noted(handed, await self._until_settled(handed))
        return _noted(handed, rules.answer(seen))

    async def hand_in_message(self, sender: str | None, ballot: HandInBallot) -> BallotAnswer:
        """Decide on a ballot from the bus; the transaction keeps the answer too, so that a repeat gets the same."""
        handed = rules.handed(self.channels, sender, ballot, self.clock.now(), None)
        async with self._turn(handed):
            return _noted(handed, await self._until_settled(handed))

    def _turn(self, handed: Handed) -> asyncio.Lock:
        """One transaction of a voter at a time in this process. It is the claims that decide which ballot counts; this
        only keeps a thousand of them from colliding."""
        return self.turns.setdefault(f"{handed.campaign}/{handed.voter}", asyncio.Lock())

    async def _look(self, handed: Handed) -> Answered:
        async with self.looking:
            return await self._decide(handed, BallotId(new_id()))

    async def _until_settled(self, handed: Handed) -> BallotAnswer:
        ballot = BallotId(new_id())
        for attempt in range(ATTEMPTS):
            try:
                async with self.settling:
                    return await self._settle(handed, ballot)
            except ClaimTaken:
                await asyncio.sleep(0.002 * attempt)
        raise Unavailable("other ballots of the same voter kept getting in between")

    @transactional
    async def _settle(self, tx: Transaction, handed: Handed, ballot: BallotId) -> BallotAnswer:
        decision = await self._decide(handed, ballot, tx)
        if isinstance(decision, Counts):
            await self.store.keep(tx, [decision.ballot])
            tx.tell(_vote_cast(decision.ballot))
        answer = rules.answer(decision)
        tx.answer(answer)
        return answer

    async def _decide(self, handed: Handed, ballot: BallotId, tx: Transaction | None = None) -> Answered:
        entry, earlier = await self.store.votable(handed.entry, tx), await self.store.earlier(handed, tx)
        return rules.decide(handed, ballot, self.rulebooks.get(handed.campaign), entry, earlier, self.channels.named)

    async def receipt(self, ballot: BallotId) -> Ballot:
        """A ballot that counts; 404 where there is none of that id."""
        if (found := await self.store.ballot(ballot)) is None:
            raise Refused(404, "unknown_ballot", "没有这张选票。", "No counted ballot has this id.")
        return found

    async def entries(self, campaign: CampaignId, after: str, limit: int) -> list[Votable]:
        """The entries of a campaign that can be voted on; 404 where it has no public vote."""
        tracks = rules.public_vote(self.rulebooks, campaign)[1].tracks
        return await self.store.votables(campaign, tracks, after, limit)


@dataclass(frozen=True)
class Tallying:
    """Counts the votes that were told, shows the count, and closes it when the window has ended."""

    transactions: Transactions
    store: VotingStore
    rulebooks: Rulebooks
    clock: Clock

    @transactional
    async def count(self, tx: Transaction, vote: VoteCast) -> None:
        """Count one vote; the inbox row in the same transaction makes it once."""
        await self.store.add(tx, vote.campaign, vote.entry, rules.shard(vote.ballot))

    async def shown(self, campaign: CampaignId) -> tuple[Rulebook, Tally]:
        """The closed tally, or the count so far; 404 where the campaign has no public vote."""
        rulebook, _ = rules.public_vote(self.rulebooks, campaign)
        return rulebook, await self.store.closed(campaign) or await self.store.live(campaign)

    async def close_ended(self) -> list[CampaignId]:
        """Close every tally whose time has come; says which."""
        ended = [rulebook for rulebook in self.rulebooks.values() if rules.settled(rulebook, self.clock.now())]
        return [rulebook.id for rulebook in ended if await self._can_close(rulebook.id) and await self._close(rulebook)]

    async def _can_close(self, campaign: CampaignId) -> bool:
        """Not closed yet, something was approved, and every ballot that counts has been tallied."""
        if await self.store.closed(campaign) or not await self.store.has_entries(campaign):
            return False
        counted, live = await self.store.count_ballots(campaign), await self.store.live(campaign)
        if live.votes > counted:
            log().error("tally_disagrees", campaign=campaign, ballots=counted, tallied=live.votes)
        return counted == live.votes

    @transactional
    async def _close(self, tx: Transaction, rulebook: Rulebook) -> bool:
        """Freeze the tally if a recount of the ballots gives the same; told in the same transaction."""
        live, recounted = await self.store.live(rulebook.id, tx), await self.store.recount(rulebook.id, tx)
        if live != recounted:
            log().error("tally_disagrees", campaign=rulebook.id, ballots=recounted.votes, tallied=live.votes)
            return False
        if await self.store.closed(rulebook.id, tx):
            return False
        closed = rules.closed(live, rulebook, self.clock.now())
        await self.store.close(tx, closed)
        tx.tell(_tally_closed(closed))
        tx.audit(f"campaign/{closed.campaign}", "close_tally", votes=closed.votes, digest=closed.digest)
        log().info("tally_closed", campaign=closed.campaign, votes=closed.votes, digest=closed.digest)
        return True


def _noted(handed: Handed, answer: BallotAnswer) -> BallotAnswer:
    """The answer; where it names no ballot that counts, a line says what was refused, and of no voter."""
    if answer.ballot is None:
        what = {"campaign": handed.campaign, "entry": handed.entry, "channel": handed.channel}
        log().info("ballot_refused", **what, outcome=answer.outcome)
    return answer


def _vote_cast(ballot: Ballot) -> VoteCast:
    return VoteCast(
        at=ballot.received_at, ballot=ballot.id, campaign=ballot.campaign, revision=ballot.revision,
        entry=ballot.entry, channel=ballot.channel, voter=ballot.voter,
    )  # fmt: skip


def _tally_closed(tally: ClosedTally) -> TallyClosed:
    return TallyClosed(
        at=tally.closed_at, campaign=tally.campaign, revision=tally.revision, votes=tally.votes,
        entries=tally.entries, digest=tally.digest,
    )  # fmt: skip
