"""What a person decides about ballots, carried out page by page: each page one transaction, its place kept with it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis import crash
from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.refusal import Refused
from chassis.streams import Partitioned
from chassis.transaction import Transaction, Transactions, transactional
from contracts.ids import BallotId, CampaignId
from contracts.rulebook import Rulebook, Rulebooks
from services.voting.models import Kept
from services.voting.rules import in_milliseconds, public_vote
from services.voting.rulings import rules
from services.voting.rulings.models import Asked, Ruling
from services.voting.rulings.store import RulingStore
from services.voting.telling import books

PAGE = 500
"""Ballots decided on in one transaction, and named in one event."""


@dataclass(frozen=True)
class Rulings:
    """Decides on ballots, and brings held ones that count into the vote stream."""

    transactions: Transactions
    store: RulingStore
    rulebooks: Rulebooks
    clock: Clock
    stream: Callable[[], Partitioned]
    told: dict[CampaignId, int] = field(default_factory=dict)
    """Up to which number held ballots that were counted are known to be in the stream."""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One page at a time in a process; those of several conflict, and go on one after the other."""

    async def rule(self, caller: Caller, campaign: CampaignId, ruling_id: str, asked: Asked) -> Ruling:
        """Decide, once for each id: asked again, it says how far that is. Carried out as far as one page goes; the rest
        follows by itself. Refused 409 where the id was given to another decision, or the tally is closed."""
        rulebook, _ = public_vote(self.rulebooks, campaign)
        async with self.turn:
            ruling = await self._given(rulebook, rules.given(ruling_id, rulebook, asked, caller.account, self._now()))
            if ruling.asked != rules.bounded(asked, ruling.at):
                zh, en = "该编号已用于另一项决定。", "This id was given to another decision; give each its own."
                raise Refused(409, "ruling_differs", zh, en, given_at=ruling.at.isoformat())
            return ruling if ruling.done else await self._carry_on(campaign, ruling_id)

    async def ruling(self, campaign: CampaignId, ruling_id: str) -> Ruling:
        """A ruling and how far it was carried out; 404 where there is none of that id."""
        if (found := await self.store.ruling(campaign, ruling_id)) is None:
            raise Refused(404, "unknown_ruling", "没有这项决定。", "There is no such decision.")
        return found

    async def carry_on(self) -> bool:
        """A round: one page of a ruling that is not carried out wholly; False where there is none."""
        async with self.turn:
            if (ruling := await self.store.under_way()) is None:
                return False
            await self._carry_on(ruling.campaign, ruling.id)
            return True

    async def tell_counted(self) -> bool:
        """A round: bring held ballots that were counted into the stream, each once: they are numbered without a gap in
        the order of the decisions, and the broker drops the numbers it has. False where all are there."""
        moved = False
        for campaign, upto in (await self.store.numbered()).items():
            if upto > self.told.get(campaign, 0):
                await self._tell(campaign, upto)
                moved = True
        return moved

    async def _tell(self, campaign: CampaignId, upto: int) -> None:
        producer = f"counted-later/{campaign}"
        stream = await self.stream().part()  # the first partition, which stays the first when others are added
        last = await stream.last(producer)
        while some := await self.store.counted_later(campaign, last, upto, books.PAGE):
            await books.append_numbered(stream, producer, some)
            last, _ = some[-1]
            log().info("held_votes_told", campaign=campaign, votes=len(some))
            crash.point("marked")
        self.told[campaign] = upto

    @transactional
    async def _given(self, tx: Transaction, rulebook: Rulebook, ruling: Ruling) -> Ruling:
        """Keep the decision, and that it was taken; the one that has the id where there is one."""
        if (known := await self.store.ruling(rulebook.id, ruling.id, tx)) is not None:
            return known
        if (await self.store.correct(tx, rulebook.id, {}, under_way=1)).closed:
            zh, en = "计票已封存，不能再变更。", "The tally is closed and does not change any more."
            raise Refused(409, "tally_closed", zh, en)
        await self.store.add(tx, ruling)
        asked = ruling.asked.model_dump(mode="json", exclude_none=True, exclude={"reason"})
        facts = {"ruling": ruling.id, "revision": ruling.revision, **asked}
        tx.audit(f"campaign/{ruling.campaign}", f"{ruling.asked.do}_ballots", ruling.asked.reason, **facts)
        return ruling

    @transactional
    async def _carry_on(self, tx: Transaction, campaign: CampaignId, ruling_id: str) -> Ruling:
        """Decide on the next page of a ruling."""
        ruling = await self.store.ruling(campaign, ruling_id, tx)
        assert ruling is not None
        if ruling.done:
            return ruling
        which = ruling.asked.where or ruling.asked.ballots or ()
        page = await self.store.page(campaign, which, ruling.after, PAGE, tx)
        ballots = rules.changed(ruling.asked.do, page.ballots)
        step = {"after": page.next or ruling.after, "decided": ruling.decided + len(ballots), "done": page.next is None}
        ruled = ruling.model_copy(update=step)
        await self.store.save(tx, ruled)
        await self._change(tx, ruled, ballots)
        if (event := rules.event(ruled, ballots, self._now())) is not None:
            tx.tell(event)
        return ruled

    async def _change(self, tx: Transaction, ruling: Ruling, ballots: Sequence[Kept]) -> None:
        do = ruling.asked.do
        fresh = [each.ballot.id for each in ballots if do == "count" and not each.told]
        voided = rules.corrections(do, ballots)
        before = await self.store.correct(tx, ruling.campaign, voided, len(fresh), -1 if ruling.done else 0)
        await (self.store.void if do == "void" else self.store.count)(tx, _ids(ballots), ruling)
        await self.store.number(tx, fresh, before.later + 1)

    def _now(self) -> datetime:
        return in_milliseconds(self.clock.now())


def _ids(ballots: Sequence[Kept]) -> list[BallotId]:
    return [each.ballot.id for each in ballots]
