"""What happens to a submission: it is taken in, its material is checked, a province decides on it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MediaValidated
from contracts.events.registration import EntrySubmitted, StudioRegistered
from contracts.ids import CampaignId, Revision
from contracts.rulebook import Rulebook, Rulebooks
from services.review.screening import rules
from services.review.screening.grounds import against_reasons, grounds_of, with_slots
from services.review.screening.models import (
    Approval,
    Certification,
    Decided,
    Decision,
    Entry,
    Kind,
    Region,
    Return,
)
from services.review.screening.store import ScreeningStore


def insist(*objections: Iterable[Refused]) -> None:
    """Refuse for the first objection there is."""
    for found in chain.from_iterable(objections):
        raise found


def region_of(caller: Caller) -> Region:
    """Where a caller may look: its city, its province, or everywhere for the nation."""
    if caller.role == "national":
        return Region()
    if caller.province is None or (caller.role == "city" and caller.city is None):
        raise Refused(403, "no_region", "您的账号未设定所辖地区。", "Your account has no region to look after.")
    return Region(caller.province, caller.city if caller.role == "city" else None)


def rulebook_of(rulebooks: Rulebooks, campaign: CampaignId) -> Rulebook:
    """The rulebook in force; refused for a campaign there is none of."""
    if campaign not in rulebooks:
        raise Refused(404, "campaign_not_found", "没有这个活动。", "There is no such campaign.", measured=campaign)
    return rulebooks[campaign]


@dataclass(frozen=True)
class Screening:
    """The provinces' work."""

    transactions: Transactions
    store: ScreeningStore
    rulebooks: Rulebooks
    clock: Clock

    @transactional
    async def take_in_studio(self, tx: Transaction, event: StudioRegistered) -> None:
        """Put a studio's newest attempt into its province's queue."""
        if studio := rules.certification_of(event, await self.store.certification(tx, event.studio)):
            await self.store.save(tx, studio)

    @transactional
    async def take_in_entry(self, tx: Transaction, event: EntrySubmitted) -> None:
        """Put an entry's newest attempt into its province's queue, with what media has found so far."""
        rulebook_of(self.rulebooks, event.campaign)
        known, checks = await self.store.entry(tx, event.entry), await self.store.checks(tx, event.entry)
        if entry := rules.entry_of(event, known, checks):
            await self._save(tx, entry)

    @transactional
    async def note_check(self, tx: Transaction, event: MediaValidated) -> None:
        """Keep what media found; it may come before the entry is handed in."""
        checks = rules.with_check(await self.store.checks(tx, event.entry), event)
        if checks is None:
            return
        await self.store.save_checks(tx, event.entry, checks)
        if entry := await self.store.entry(tx, event.entry):
            await self._save(tx, entry)

    async def _save(self, tx: Transaction, entry: Entry) -> None:
        """Write an entry that waits; it goes back at once where a pass it was handed in with was taken back."""
        rulebook, now = rulebook_of(self.rulebooks, entry.campaign), rules.in_ms(self.clock.now())
        latest = rules.mend_until_of(entry, rulebook, now)
        decision = rules.return_of(entry, rulebook.revision, latest, now)
        if decision is None:
            await self.store.save(tx, entry)
            return
        decided = entry.decided(decision)
        await self.store.save(tx, decided)
        tx.tell(rules.fact_of(decided, (rulebook.revision,)))
        _audit(tx, decided, (rulebook.revision,))

    async def find(self, caller: Caller, kind: Kind, which: str) -> Certification | Entry:
        """What was handed in under an id, for those who look after its region."""
        return _found(await self.store.submission(kind, which, region_of(caller)), kind)

    async def decide(self, caller: Caller, kind: Kind, which: str, asked: Approval | Return) -> Decided:
        """Approve or return the attempt that waits; the same decision by the same admin again is the same one."""
        subject, fresh = await self._decide(caller, kind, which, asked)
        decision = subject.decisions[-1]
        if fresh:
            log().info("decided", kind=kind, id=which, state=decision.state, attempt=decision.attempt)
        return Decided(kind=kind, id=which, decision=decision)

    @transactional
    async def _decide(
        self, tx: Transaction, caller: Caller, kind: Kind, which: str, asked: Approval | Return
    ) -> tuple[Certification | Entry, bool]:
        subject = _found(await self.store.submission(kind, which, region_of(caller), tx), kind)
        now = rules.in_ms(self.clock.now())
        if rules.repeats(subject, caller.account, asked):
            return subject, False
        insist(rules.against_deciding(subject, asked.attempt), rules.against_time(subject, self.rulebooks, now))
        decided = subject.decided(self._decision(caller, subject, asked, now))
        await self.store.save(tx, decided)
        revisions = rules.revisions(subject, self.rulebooks, now)
        tx.tell(rules.fact_of(decided, revisions))
        _audit(tx, decided, revisions)
        return decided, True

    def _decision(
        self, caller: Caller, subject: Certification | Entry, asked: Approval | Return, now: datetime
    ) -> Decision:
        revision = self.rulebooks[subject.campaign].revision if isinstance(subject, Entry) else None
        made = Decision(attempt=subject.attempt, state="approved", by=caller.account, at=now, revision=revision)
        if isinstance(asked, Approval):
            insist(rules.against_approval(subject))
            return made
        ground = grounds_of(subject, self.rulebooks, now)
        asked = with_slots(asked, ground)
        insist(against_reasons(asked, ground), rules.against_mending(asked, ground.mend_until, now))
        mend_by = rules.in_ms(asked.mend_by) if asked.mend_by else ground.mend_until
        given = {"reasons": asked.reasons, "reopened_slots": asked.reopened_slots, "mend_by": mend_by}
        return made.model_copy(update={"state": "returned", **given})


def _found(subject: Certification | Entry | None, kind: Kind) -> Certification | Entry:
    if subject is None:
        zh = {"studio": "没有这个工作室。", "entry": "没有这件申报。"}[kind]
        raise Refused(404, f"{kind}_not_found", zh, f"There is no such {kind}.")
    return subject


def _audit(tx: Transaction, subject: Certification | Entry, revisions: tuple[Revision, ...]) -> None:
    decision = subject.decisions[-1]
    why = "; ".join(f"{reason.code} {reason.about}: {reason.text}" for reason in decision.reasons)
    did = {"approved": "approve", "returned": "return"}[decision.state]
    facts = decision.model_dump(mode="json", include={"attempt", "reopened_slots", "mend_by"})
    tx.audit(f"{subject.kind}/{subject.id}", did, why, revisions=list(revisions), **facts)
