"""A studio's way: account, form in five steps, entries, packages; it mends what comes back."""

import asyncio
import hashlib
from typing import Any

from contracts.ids import AccountId, EntryId, MaterialId, StudioId
from deploy.demo.ledger import File
from deploy.demo.packages import WRONG, Kind, Packages
from deploy.demo.plan import SLOT, TRACK, EntryPlan, StudioPlan
from deploy.demo.scan import stamped_form
from deploy.demo.uploads import upload
from deploy.demo.world import Person, Stage

PASSWORD = "Tiangong-2023-demo"


class Studio:
    """One unit's studio."""

    def __init__(self, stage: Stage, packages: Packages, plan: StudioPlan) -> None:
        self._stage, self._packages, self._plan = stage, packages, plan
        self._person = Person(stage.world)
        self._id = StudioId("")
        self._entries: dict[EntryId, EntryPlan] = {}

    async def register(self) -> None:
        """Open the account, sign in, fill the form and hand it in."""
        unit, run = self._plan.unit, self._stage.ledger.since[-12:]
        contact = {"email": f"studio-{unit.number:02}-{run}@example.org", "password": PASSWORD}
        opened = await self._person.post(
            "registration/v1/accounts", {**contact, "name": f"{unit.name}联系人", "phone": "13800000000"}
        )
        self._id = StudioId(opened["studio"])
        self._stage.ledger.accounts.add(AccountId(opened["account"]))
        self._stage.ledger.studios[self._id] = AccountId(opened["account"])
        token = await self._person.post("registration/v1/tokens", contact)
        self._person = Person(self._stage.world, token["access_token"])
        for step, answers in self._form().items():
            await self._person.put(f"registration/v1/studio/certification/{step}", answers)
        await self._hand_in_form(1)
        self._stage.show.step("register")
        self._stage.show.say(f"{unit.city_name} {unit.name} 提交注册认证", "handed in its certification form")

    async def become_certified(self) -> None:
        """Wait for the province; mend the form and hand it in again when it comes back."""
        attempt = 1
        while (view := await self._decided(attempt))["state"] == "returned":
            attempt += 1
            self._stage.show.say(f"{self._plan.unit.name}：按退回原因修改后重新提交", view["reasons"][0]["code"])
            await self._hand_in_form(attempt)

    async def enter(self) -> None:
        """Open the entries, upload, and hand each in."""
        for plan in self._plan.entries:
            asked = {"campaign": self._stage.rulebook.id, "track": TRACK, "theme": plan.theme, "title": plan.title}
            entry = EntryId((await self._person.post("registration/v1/entries", asked))["entry"])
            self._entries[entry] = plan
            self._stage.ledger.entries[entry] = self._id
            self._stage.show.step("enter")
            await self._bring(entry, plan, plan.first)

    async def see_it_through(self) -> None:
        """Wait for the province's decision on every entry; mend what comes back and hand it in again."""
        await asyncio.gather(*(self._see_through(entry, plan) for entry, plan in self._entries.items()))

    async def _see_through(self, entry: EntryId, plan: EntryPlan) -> None:
        attempt = 1
        while (await self._screened(entry, attempt))["state"] == "returned":
            attempt += 1
            await self._bring(entry, plan, plan.then, again=attempt)

    async def _bring(self, entry: EntryId, plan: EntryPlan, kind: Kind, again: int = 1) -> None:
        """Upload until the package is right, and hand the entry in."""
        title = plan.title.partition("：")[2] + ("（修改稿）" if again > 1 else "")
        package = await asyncio.to_thread(self._packages.package, kind, self._plan.unit.studio_name, title)
        material = await upload(self._stage, self._person, entry, package, cut=plan.cut and again == 1)
        verdict = await self._checked(material)
        if kind in WRONG:
            wrong = next(finding for finding in verdict["findings"] if not finding["ok"])
            self._stage.show.say(f"{self._plan.unit.name}：{wrong['message']['zh']}", WRONG[kind])
            self._stage.show.step("wrong")
            await self._bring(entry, plan, plan.then, again)
        else:
            await self._hand_in_entry(entry, again, material)

    async def _checked(self, material: MaterialId) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            found: dict[str, Any] = await self._person.get(f"media/v1/materials/{material}")
            return found if found["state"] == "checked" else None

        found = await self._stage.until(f"the verdict on material {material}", look)
        self._stage.ledger.verdicts[material] = found["verdict"]
        self._stage.show.step("check")
        return found

    async def _hand_in_entry(self, entry: EntryId, attempt: int, material: MaterialId) -> None:
        async def look() -> bool | None:
            found = await self._person.get(f"registration/v1/entries/{entry}")
            return True if found["attempt"] == attempt else None  # the province may have decided on it by now

        await self._person.post(f"registration/v1/entries/{entry}/submit", {"materials": {SLOT: material}})
        await self._stage.until(f"entry {entry} to be submitted", look)
        self._stage.ledger.submissions.add((entry, attempt))
        self._stage.show.step("submit")

    async def _decided(self, attempt: int) -> dict[str, Any]:
        await self._stage.bell(f"studio/{self._id}/{attempt}").wait()

        async def look() -> dict[str, Any] | None:
            found: dict[str, Any] = await self._person.get("registration/v1/studio")
            return found if found["state"] in ("certified", "returned") else None

        return await self._stage.until(f"the decision on studio {self._id}", look)

    async def _screened(self, entry: EntryId, attempt: int) -> dict[str, Any]:
        await self._stage.bell(f"entry/{entry}/{attempt}").wait()

        async def look() -> dict[str, Any] | None:
            found: dict[str, Any] = await self._person.get(f"registration/v1/entries/{entry}")
            return found if found["state"] in ("approved", "returned") else None

        return await self._stage.until(f"the decision on entry {entry}", look)

    async def _hand_in_form(self, attempt: int) -> None:
        unit = self._plan.unit
        pdf = stamped_form(
            ("注册认证申请表", unit.name, unit.city_name, f"第{attempt}次提交 {self._stage.rulebook.id}")
        )
        scan = File(len(pdf), hashlib.sha256(pdf).hexdigest())
        ticket = await self._person.post(
            "registration/v1/studio/certification/scan-ticket",
            {"name": f"{unit.name}申请表.pdf", "size": scan.size, "sha256": scan.sha256},
        )
        (await self._stage.world.files.put(ticket["url"], content=pdf)).raise_for_status()
        await self._person.put("registration/v1/studio/certification/scan", {"stamped-form": ticket["key"]})
        self._stage.ledger.scans.setdefault(self._id, set()).add(scan)
        await self._person.post("registration/v1/studio/certification/submit")
        self._stage.ledger.forms.add((self._id, attempt))

    def _form(self) -> dict[str, dict[str, Any]]:
        unit = self._plan.unit
        address = f"甘肃省{unit.city_name}"
        return {
            "unit": {"kind": unit.kind, "name": unit.studio_name, "unit-name": unit.name, "address": address},
            "region": {"province": unit.province, "city": unit.city},
            "people": {
                "staff": 20 + unit.number,
                "part-time": 11,
                "senior": 5,
                "tutors-from": ["学校科技辅导员", "退休人员"],
            },
            "funding": {"yearly": 200000, "funds-from": ["上级拨付", "社会资助"]},
        }
