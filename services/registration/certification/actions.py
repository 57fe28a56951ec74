"""The certification of studios: saved page by page, submitted, decided by the province."""

from datetime import datetime

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.problems import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.registration import Contact, StudioRegistered
from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ids import City, Province, Sha256, StudioId
from services.registration import regions
from services.registration.accounts.store import AccountStore
from services.registration.actions import granted, not_found
from services.registration.certification import rules
from services.registration.certification.models import Answers, Scan, ScanTicket, StepId, Studio, StudioView
from services.registration.certification.objects import LINK_S, Scans
from services.registration.certification.rules import Form
from services.registration.certification.store import StudioStore


class Certification:
    """What a studio does until it is certified, and what its province sees of it."""

    def __init__(
        self,
        transactions: Transactions,
        store: StudioStore,
        accounts: AccountStore,
        form: Form,
        scans: Scans,
        clock: Clock,
    ) -> None:
        self.transactions, self.store, self.accounts, self.form = transactions, store, accounts, form
        self.scans, self.clock = scans, clock

    async def view(self, caller: Caller) -> StudioView:
        """The caller's own studio."""
        return self._view(await self._own(None, caller))

    async def view_for(self, caller: Caller, studio_id: StudioId) -> StudioView:
        """A submitted form, with a link to its scan, for the admin of its province or a national one."""
        national = caller.role == "national"
        found = await (
            self.store.get(None, studio_id) if national else self.store.get_in(caller.province or "", studio_id)
        )
        if found is None or not found.attempt or found.scan is None:
            raise not_found("studio")
        if not await self.scans.is_unchanged(found.scan):
            raise Refused(409, "scan_changed", "扫描件在检查后被改动。", "The scan was changed after it was checked.")
        return self._view(found).model_copy(update={"scan_link": self.scans.link(found.scan)})

    async def save(self, caller: Caller, step: StepId, answers: Answers) -> StudioView:
        """Save one page; the region for good, the scan after a look at its bytes."""
        match step:
            case "region":
                return self._view(await self._choose_region(caller, *_region(answers)))
            case "scan":
                key = str(answers.get(self.form.scan_field, ""))
                return self._view(await self._save_page(caller, step, answers, await self._checked_scan(caller, key)))
            case _:
                return self._view(await self._save_page(caller, step, answers))

    async def take_scan_ticket(self, caller: Caller, name: str, size: int, sha256: Sha256) -> ScanTicket:
        """Say where a scan may be put."""
        studio = await self._own(None, caller)
        granted(rules.closed(studio))
        if size > rules.LARGEST_SCAN or not name.lower().endswith(".pdf"):
            facts = {"measured": f"{name}, {size}", "expected": f".pdf, ≤ {rules.LARGEST_SCAN}"}
            zh, en = "扫描件须为不超过 20 MB 的 pdf 文件。", "The scan has to be a PDF of at most 20 MB."
            raise Refused(422, "scan_unfit", zh, en, **facts)
        key = self.scans.key(studio.id, sha256)
        return ScanTicket(key=key, url=await self.scans.upload_link(key), expires_in=LINK_S)

    async def submit(self, caller: Caller) -> StudioView:
        """Hand the form in: from now on nothing can be edited unless the province returns it."""
        studio = await self._submit(caller, self.clock.now())
        log().info("certification_submitted", studio=studio.id, attempt=studio.attempt)
        return self._view(studio)

    @transactional
    async def decide(self, tx: Transaction, studio_id: StudioId, decision: ProvinceApproved | ProvinceReturned) -> None:
        """Take over what the province decided."""
        studio = await self.store.get(tx, studio_id)
        if studio is None:
            raise not_found("studio")
        if (after := rules.decided(studio, decision)) != studio:
            await self.store.save(tx, after)
            tx.audit(f"studio/{studio.id}", f"become {after.state}", by=decision.by, attempt=studio.attempt)

    @transactional
    async def _submit(self, tx: Transaction, caller: Caller, now: datetime) -> Studio:
        studio = granted(rules.submitted(await self._own(tx, caller), self.form, now))
        await self.store.save(tx, studio)
        tx.tell(await self._registered(tx, studio, now))
        tx.audit(f"studio/{studio.id}", "submit certification", attempt=studio.attempt)
        return studio

    @transactional
    async def _choose_region(self, tx: Transaction, caller: Caller, province: Province, city: City) -> Studio:
        studio = await self._own(tx, caller)
        after = granted(rules.with_region(studio, self.form, province, city))
        await self.store.save(tx, after)
        account = await self.accounts.get(tx, studio.account)
        if account is not None:
            await self.accounts.save(tx, account.model_copy(update={"province": province, "city": city}))
        tx.audit(f"studio/{studio.id}", "choose region", province=province, city=city)
        return after

    @transactional
    async def _save_page(
        self, tx: Transaction, caller: Caller, step: StepId, answers: Answers, scan: Scan | None = None
    ) -> Studio:
        studio = granted(rules.saved(await self._own(tx, caller), self.form, step, answers))
        studio = studio.model_copy(update={"scan": scan or studio.scan})
        await self.store.save(tx, studio)
        tx.audit(f"studio/{studio.id}", "save page", step=step)
        return studio

    async def _checked_scan(self, caller: Caller, key: str) -> Scan:
        studio = await self._own(None, caller)
        granted(rules.closed(studio))
        sha256 = key.rpartition("/")[2].removesuffix(".pdf")
        found = await self.scans.look(key, rules.LARGEST_SCAN) if key == self.scans.key(studio.id, sha256) else None
        return granted(rules.scan_of(found, sha256))

    async def _own(self, tx: Transaction | None, caller: Caller) -> Studio:
        if caller.studio is None:
            raise not_found("studio")
        return await self.store.get(tx, caller.studio) or Studio(id=caller.studio, account=caller.account)

    async def _registered(self, tx: Transaction, studio: Studio, now: datetime) -> StudioRegistered:
        account = await self.accounts.get(tx, studio.account)
        if account is None:
            raise not_found("account")
        province, city = studio.region
        return StudioRegistered(
            at=now,
            studio=studio.id,
            account=studio.account,
            name=studio.name,
            unit_kind=studio.unit_kind,
            province=province,
            city=city,
            attempt=studio.attempt,
            pii=Contact(name=account.name, email=account.email, phone=account.phone),
        )

    def _view(self, studio: Studio) -> StudioView:
        kept = studio.model_dump(include={"state", "attempt", "province", "city", "mend_by", "submitted_at"})
        return StudioView(studio=studio.id, steps=self.form.progress(studio), reasons=studio.reasons, **kept)


def _region(answers: Answers) -> tuple[Province, City]:
    province, city = str(answers.get("province", "")), str(answers.get("city", ""))
    if not regions.is_province(province) or not regions.is_city_in(city, province):
        zh, en = "请选择省和该省所辖的市（州）。", "Choose a province and one of its cities, by GB/T 2260 codes."
        raise Refused(422, "region_unknown", zh, en, measured={"province": province, "city": city})
    return province, city
