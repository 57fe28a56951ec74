"""The worker's part: queues what came in, looks at it where it lies, and tells what was found."""

from dataclasses import dataclass
from datetime import datetime

from chassis import crash
from chassis.clock import Clock
from chassis.logs import log
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.rulebook import Rulebooks, Slot
from services.media.inspect.models import Claim, PackageFacts
from services.media.inspect.rules import judge
from services.media.intake.models import TakenBack
from services.media.intake.rules import taken_back
from services.media.intake.store import IntakeStore
from services.media.materials import rules
from services.media.materials.models import Check, Material
from services.media.materials.passes import DECODING, Followed, Passes
from services.media.materials.queueing import Queueing
from services.media.materials.store import MaterialStore
from services.media.objects import Packages
from services.media.queue.models import Job
from services.media.queue.store import QueueStore
from services.media.queue.working import Reading


@dataclass(frozen=True)
class Checking:
    """From an upload to its verdict, and from a verdict to the proof of it."""

    transactions: Transactions
    store: MaterialStore
    entries: IntakeStore
    queue: QueueStore
    queueing: Queueing
    packages: Packages
    rulebooks: Rulebooks
    clock: Clock
    passes: Passes

    @transactional
    async def take_in(self, tx: Transaction, event: MaterialUploaded) -> None:
        """Queue the check of an upload, once."""
        material = await self.store.to_change(tx, event.material)
        if material is None:
            raise LookupError(f"material {event.material} was told of and is not there")
        if event.campaign not in self.rulebooks:
            raise rules.campaign_unknown(event.campaign)
        await self.queueing.add(tx, material)

    async def check(self, job: Job, reading: Reading) -> None:
        """The first verdict: by what can be read in place, or by every byte where that takes no longer."""
        material = await self.store.get(job.material)
        if material is None or not rules.to_check(material):
            await self._skip(job)
            return
        slot = rules.slot_of(material, self.rulebooks)
        source = Followed(self.packages.source(material.object, material.size), reading)
        await self._tell(job, self._judged(material, slot, await self.passes.first(source, slot, material.name)))

    async def prove(self, job: Job, reading: Reading) -> None:
        """The second verdict, by every byte: it can only bear the first out or take it back."""
        material = await self.store.get(job.material)
        if material is None or not rules.to_prove(material):
            await self._skip(job)
            return
        slot = rules.slot_of(material, self.rulebooks)
        source = Followed(self.packages.source(material.object, material.size), reading, DECODING)
        check = self._judged(material, slot, await self.passes.whole(source, slot, material.name))
        await self._tell(job, rules.second(material, check))

    def _judged(self, material: Material, slot: Slot, facts: PackageFacts) -> Check:
        claim = Claim(material.size, material.sha256) if facts.sha256 else None
        verdict = judge(facts, slot, claim, rules.naming(material, slot))
        crash.point("measured")
        return Check(
            outcome=verdict.outcome,
            findings=verdict.findings,
            sha256=facts.sha256 or material.sha256,
            at=self.clock.now(),
            stage=rules.stage_of(verdict.outcome, facts.complete),
        )

    async def _tell(self, job: Job, check: Check) -> None:
        if await self._keep(job, check):
            log().info("material_checked", material=job.material, stage=check.stage, outcome=check.outcome)

    @transactional
    async def _keep(self, tx: Transaction, job: Job, check: Check) -> bool:
        """Keep and tell a verdict with what follows from it, unless another worker did or newer material came."""
        await self.queue.finish(tx, job)
        material = await self.store.to_change(tx, job.material)
        due = rules.to_prove if check.stage == "second" else rules.to_check
        if material is None or not due(material):
            return False
        mend_by = rules.mend_by(check, check.at)
        await self.store.keep_check(tx, material.id, check)
        await self.queueing.add(tx, material.model_copy(update={"check": check}))
        if mend_by is not None:
            await self._reopen(tx, material, mend_by)
        tx.tell(_validated(material, check, mend_by))
        facts = {"stage": check.stage, "revision": material.revision, "sha256": check.sha256}
        tx.audit(f"material/{material.id}", "check", check.outcome, **facts)
        return True

    async def _reopen(self, tx: Transaction, material: Material, mend_by: datetime) -> None:
        """Take other material for the slot, whatever the deadline. One that lies with its province has to come back."""
        if entry := await self.entries.entry_to_change(tx, material.entry):
            back = TakenBack(slot=material.slot, material=material.id, mend_by=mend_by)
            await self.entries.keep_entry(tx, taken_back(entry, back))

    @transactional
    async def _skip(self, tx: Transaction, job: Job) -> None:
        """There is nothing to look at any more: newer material came, or another worker was quicker."""
        await self.queue.finish(tx, job)


def _validated(material: Material, check: Check, mend_by: datetime | None) -> MediaValidated:
    return MediaValidated(
        at=check.at,
        entry=material.entry,
        material=material.id,
        studio=material.studio,
        campaign=material.campaign,
        revision=material.revision,
        slot=material.slot,
        name=material.name,
        size=material.size,
        sha256=check.sha256,
        verdict=check.outcome,
        findings=check.findings,
        stage=check.stage,
        mend_by=mend_by,
    )
