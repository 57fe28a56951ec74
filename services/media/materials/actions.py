"""Checks material against its rulebook, and shows it to those who may see it."""

from dataclasses import dataclass
from datetime import timedelta

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.ids import MaterialId
from contracts.rulebook import Rulebooks, Slot
from services.media.inspect.models import Claim
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from services.media.materials import rules
from services.media.materials.models import Check, Material
from services.media.materials.store import MaterialStore
from services.media.objects import Packages


@dataclass(frozen=True)
class Materials:
    """What came in whole."""

    transactions: Transactions
    store: MaterialStore
    packages: Packages
    rulebooks: Rulebooks
    clock: Clock
    link_lasts: timedelta

    async def inspect(self, event: MaterialUploaded) -> None:
        """Measure the package where it lies, judge it, and tell the verdict once."""
        material = await self.store.get(event.material)
        if material is None:
            raise LookupError(f"material {event.material} was told of and is not there")
        if not rules.to_check(material):
            log().info("check_skipped", material=material.id, state=material.state)
            return
        slot = self._slot(event)
        facts = await measure(self.packages.source(material.object, material.size), slot, material.name)
        verdict = judge(facts, slot, Claim(material.size, material.sha256), rules.naming(material, slot))
        check = Check(outcome=verdict.outcome, findings=verdict.findings, sha256=facts.sha256, at=self.clock.now())
        await self._tell(event, check)
        log().info("material_checked", material=material.id, outcome=check.outcome)

    @transactional
    async def _tell(self, tx: Transaction, event: MaterialUploaded, check: Check) -> None:
        material = await self.store.to_change(tx, event.material)
        if material is None or not rules.to_check(material):
            return
        await self.store.keep_check(tx, material.id, check)
        tx.tell(_validated(material, check))
        tx.audit(f"material/{material.id}", "check", check.outcome, revision=material.revision, sha256=check.sha256)

    async def show(self, caller: Caller, material: MaterialId) -> Material:
        """One material the caller may see."""
        found = await self.store.get(material, rules.sight_of(caller.studio, caller.province, caller.role))
        if found is None:
            raise rules.material_not_found()
        return found

    async def link(self, caller: Caller, material: MaterialId) -> str:
        """A short-lived address the very bytes that were received can be read at."""
        found = await self.show(caller, material)
        url = await self.packages.link(found.object, self.link_lasts, found.name)
        log().info("material_linked", material=material, account=caller.account)
        return url

    def _slot(self, event: MaterialUploaded) -> Slot:
        """The rules the ticket was taken under. A revision this process does not have yet is a fault that may pass."""
        if event.campaign not in self.rulebooks:
            raise rules.campaign_unknown(event.campaign)
        return self.rulebooks.at(event.campaign, event.revision).slot(event.track, event.slot)


def _validated(material: Material, check: Check) -> MediaValidated:
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
    )
