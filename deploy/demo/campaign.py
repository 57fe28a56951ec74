"""The story: everybody who takes part, from registration to published results."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from contracts.ids import AccountId, EntryId, Role
from deploy.demo.gallery import look_at
from deploy.demo.packages import WRONG, Packages
from deploy.demo.plan import StudioPlan
from deploy.demo.provinces import Province
from deploy.demo.studios import PASSWORD, Studio
from deploy.demo.voters import Voters, Wish, wishes
from deploy.demo.world import Denied, Person, Stage

ELSEWHERE: Final = "630000"
"""Qinghai: the neighbour whose admin must see nothing of Gansu."""
PLAQUES: Final = 10
LAST_ORDERS: Final = timedelta(seconds=2.5)
"""Before the window closes; a slow machine hands in fewer ballots rather than late ones."""
AWARD: Final = "most-distinctive-studio"


@dataclass(frozen=True)
class Story:
    """One campaign with its cast."""

    stage: Stage
    packages: Packages
    plans: Sequence[StudioPlan]
    ballots: int
    admin: tuple[str, str]
    """E-mail and password of the national admin."""

    async def run(self) -> None:
        """Play it; whatever a service refuses that it should have granted ends it."""
        national = await self._signed_in(*self.admin)
        home, elsewhere, frontend = await self._open_accounts(national)
        studios = [Studio(self.stage, self.packages, plan) for plan in self.plans]
        self._announce()
        async with asyncio.TaskGroup() as group:
            group.create_task(home.screen("studio", self._form_comes_back, self._all_certified))
            group.create_task(home.screen("entry", self._entry_comes_back, self._all_screened))
            free = asyncio.Semaphore(8)
            for studio in studios:
                group.create_task(self._way_of(studio, free))
        await self._look_over_the_border(elsewhere)
        async with asyncio.TaskGroup() as group:
            group.create_task(look_at(self.stage, frontend, list(self.stage.ledger.entries)))
            group.create_task(self._vote_and_publish(frontend, national))

    async def _vote_and_publish(self, frontend: Person, national: Person) -> None:
        await self._vote(frontend)
        await self._publish(national)

    async def _way_of(self, studio: Studio, free: asyncio.Semaphore) -> None:
        async with free:
            await studio.register()
        await studio.become_certified()
        async with free:
            await studio.enter()
        await studio.see_it_through()

    async def _signed_in(self, email: str, password: str) -> Person:
        asked = {"email": email, "password": password}
        token = await Person(self.stage.world).post("registration/v1/tokens", asked)
        return Person(self.stage.world, token["access_token"])

    async def _open_accounts(self, national: Person) -> tuple[Province, Province, Person]:
        province = self.plans[0].unit.province
        home = await self._account(national, "province", "甘肃省管理员", province=province)
        elsewhere = await self._account(national, "province", "青海省管理员", province=ELSEWHERE)
        frontend = await self._account(national, "frontend", "投票前端")
        return Province(self.stage, home, "甘肃省"), Province(self.stage, elsewhere, "青海省"), frontend

    async def _account(self, national: Person, role: Role, name: str, **region: str) -> Person:
        email = f"{role}-{region.get('province', 'all')}-{self.stage.ledger.since[-12:]}@example.org"
        asked = {"email": email, "password": PASSWORD, "name": name, "role": role, **region}
        opened = await national.post("registration/v1/admin/accounts", asked)
        self.stage.ledger.accounts.add(AccountId(opened["account"]))
        return await self._signed_in(email, PASSWORD)

    def _announce(self) -> None:
        entries = [entry for plan in self.plans for entry in plan.entries]
        wrong, back = (sum(entry.first in WRONG for entry in entries), sum(entry.comes_back for entry in entries))
        for stage, total in {
            "register": len(self.plans),
            "certify": len(self.plans),
            "enter": len(entries),
            "upload": len(entries) + wrong + back,
            "check": len(entries) + wrong + back,
            "submit": len(entries) + back,
            "screen": len(entries),
        }.items():
            self.stage.show.expect(stage, total)
        submission = self.stage.rulebook.phase("submission")
        assert submission is not None
        self.stage.show.clock("申报截止 deadline", submission.closes.instant.timestamp())

    def _form_comes_back(self, line: dict[str, Any]) -> bool:
        return any(plan.unit.studio_name == line["name"] and plan.form_comes_back for plan in self.plans)

    def _entry_comes_back(self, line: dict[str, Any]) -> bool:
        entries = (entry for plan in self.plans for entry in plan.entries)
        return any(entry.title == line["title"] and entry.comes_back for entry in entries)

    def _all_certified(self) -> bool:
        return self._approved("studio/") == len(self.plans)

    def _all_screened(self) -> bool:
        return self._approved("entry/") == sum(len(plan.entries) for plan in self.plans)

    def _approved(self, prefix: str) -> int:
        decisions = self.stage.ledger.decisions
        return sum(subject.startswith(prefix) and outcome == "approved" for subject, _, outcome in decisions)

    async def _look_over_the_border(self, elsewhere: Province) -> None:
        entry, studio = next(iter(self.stage.ledger.entries.items()))
        if not await elsewhere.sees_nothing_of("entry", entry) or not await elsewhere.sees_nothing_of("studio", studio):
            raise AssertionError("青海省管理员看到了甘肃省的材料 an admin of Qinghai saw what is Gansu's")
        self.stage.show.say("青海省管理员查看甘肃材料：一无所见", "a foreign province's admin sees nothing")

    async def _vote(self, frontend: Person) -> None:
        voting = self.stage.rulebook.voting
        assert voting is not None
        window = voting.windows[-1]
        voters = Voters(self.stage, frontend, window.closes.instant - LAST_ORDERS)
        entries = await self._votable()
        await self.stage.until_moment(window.opens)
        per_day = voting.limits.per_day or self.ballots
        handed = list(wishes(entries, self.ballots, per_day))
        self.stage.show.expect("vote", sum(wish.times for voter in handed for wish in voter) + 1)
        self.stage.show.clock("投票结束 voting ends", window.closes.instant.timestamp())
        self.stage.show.say(f"{len(entries)} 件作品开始投票", f"{len(handed)} voters, some vote twice")
        await voters.vote(handed)
        await self.stage.until_moment(window.closes)
        late = Wish(f"late-{self.stage.ledger.since[-6:]}", entries[0], "late", False, 1, "outside_window")
        self.stage.show.expect("vote", voters.answered + 1)
        await voters.vote([[late]])
        if voters.surprises:
            raise AssertionError(
                f"{len(voters.surprises)} 张选票的答复出乎意料 surprising answers: {voters.surprises[:3]}"
            )

    async def _votable(self) -> list[EntryId]:
        public, campaign = Person(self.stage.world), self.stage.rulebook.id

        async def look() -> list[EntryId] | None:
            shown = await public.get(f"voting/v1/campaigns/{campaign}/entries", limit=500)
            return [line["entry"] for line in shown] if len(shown) == len(self.stage.ledger.entries) else None

        return await self.stage.until("all approved entries to be votable", look)

    async def _publish(self, national: Person) -> None:
        campaign, show = self.stage.rulebook.id, self.stage.show
        show.expect("publish", 2)
        show.say("投票结束，等待最后的选票入账", "the window has closed, the last ballots are counted")

        async def closed() -> dict[str, Any] | None:
            tally: dict[str, Any] = await Person(self.stage.world).get(f"voting/v1/campaigns/{campaign}/tally")
            return tally if tally["state"] == "closed" else None

        async def published() -> dict[str, Any] | None:
            try:
                found: dict[str, Any] = await national.post(
                    f"review/v1/campaigns/{campaign}/results", {"counts": {AWARD: PLAQUES}}
                )
            except Denied as denied:
                if denied.code != "tally_open":  # review hears of the closed tally a moment later
                    raise
                return None
            return found

        tally = await self.stage.until("the tally to close", closed, 60)
        show.step("publish")
        show.say(f"计票结束，共 {tally['votes']} 票", f"digest {tally['digest'][:16]}…")
        self.stage.ledger.results = await self.stage.until("the results", published)
        show.step("publish")
        show.say(f"结果公布，授奖 {len(self.stage.ledger.results['awards'])} 项", "results published, awards granted")
