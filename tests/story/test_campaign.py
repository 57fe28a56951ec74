"""One studio from registration to the published result and its mails, with the state looked at after each step."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from contracts.events.notify import NoticeSent
from contracts.events.registration import EntrySubmitted, StudioRegistered
from contracts.events.review import AwardGranted, ProvinceApproved, ProvinceReturned, ResultsPublished
from contracts.events.voting import TallyClosed, VoteCast
from contracts.ids import AccountId, EntryId, Role, StudioId
from deploy.demo.campaign import AWARD
from deploy.demo.plan import EntryPlan, StudioPlan
from deploy.demo.provinces import Province
from deploy.demo.studios import PASSWORD, Studio
from deploy.demo.units import units
from deploy.demo.voters import Expected, Voters, Wish
from deploy.demo.world import Denied, Person, Stage
from tests.story.conftest import ADMIN, House
from tests.support.kinds import MailSink

MAILS = {
    "account-opened": 1, "certification-submitted": 2, "certification-returned": 1, "certification-approved": 1,
    "entry-returned": 1, "entry-approved": 1, "award-granted": 1, "results-published": 1,
}  # fmt: skip
"""What the studio gets by mail: the rulebook tells of entries handed in and packages checked in the inbox only."""


@dataclass
class Cast:
    """Who takes part, and where they look."""

    stage: Stage
    studio: Studio
    national: Person
    gansu: Person
    qinghai: Person
    frontend: Person

    @property
    def studio_id(self) -> StudioId:
        return next(iter(self.stage.ledger.studios))

    @property
    def account(self) -> AccountId:
        return self.stage.ledger.studios[self.studio_id]

    @property
    def entry(self) -> EntryId:
        return next(iter(self.stage.ledger.entries))

    async def contact(self) -> Person:
        """The studio's contact person, signed in on another device."""
        return await signed_in(self.stage, f"studio-01-{self.stage.ledger.since[-12:]}@example.org", PASSWORD)

    async def ballot(self, voter: str, expected: Expected, times: int = 1, *, by_bus: bool = False) -> None:
        """Hand a ballot in, as often as is said, under one nonce; what comes of it must be as expected."""
        end = self.stage.rulebook.phase("publication")
        assert end is not None
        voters = Voters(self.stage, self.frontend, end.closes.instant)
        await voters.vote([[Wish(voter, self.entry, f"nonce-of-{voter}-{expected}", by_bus, times, expected)]])
        assert (voters.answered, voters.surprises) == (times, [])


async def signed_in(stage: Stage, email: str, password: str) -> Person:
    token = await Person(stage.world).post("registration/v1/tokens", {"email": email, "password": password})
    return Person(stage.world, token["access_token"])


async def cast_of(house: House) -> Cast:
    """One studio whose form comes back, whose first package is broken, and whose entry comes back."""
    stage = house.stage
    national = await signed_in(stage, *ADMIN)

    async def opened(role: Role, **region: str) -> Person:
        email = f"{role}-{region.get('province', 'all')}@example.org"
        asked = {"email": email, "password": PASSWORD, "name": "示例", "role": role, **region}
        await national.post("registration/v1/admin/accounts", asked)
        return await signed_in(stage, email, PASSWORD)

    theme = stage.rulebook.tracks[0].themes[0].id
    entry = EntryPlan(theme, "飞天：桥为什么不怕水", "broken-zip", "plain", comes_back=True, cut=True)
    studio = Studio(stage, house.packages, StudioPlan(units(1)[0], True, (entry,)))
    gansu, qinghai = await opened("province", province="620000"), await opened("province", province="630000")
    return Cast(stage, studio, national, gansu, qinghai, await opened("frontend"))


async def refused(asking: Any) -> tuple[int, str]:
    with pytest.raises(Denied) as denied:
        await asking
    return denied.value.status, denied.value.code


@pytest.mark.timeout(300)
async def test_one_studio_goes_from_registration_to_the_published_result(house: House, smtp: MailSink) -> None:
    cast = await cast_of(house)
    for step in (registers, is_certified, enters, is_screened, is_voted_for, wins):
        await step(cast, house)
    await gets_its_mails(cast, house, smtp)
    assert [await service.records.parked.count_documents({}) for service in house.services] == [0] * 7


async def registers(cast: Cast, house: House) -> None:
    await cast.studio.register()
    await house.stage.world.pause(0)
    studio = await (await cast.contact()).get("registration/v1/studio")
    assert (studio["studio"], studio["state"]) == (cast.studio_id, "submitted")
    asked = {"campaign": house.stage.rulebook.id, "track": "theme-video", "theme": "spaceflight", "title": "太早"}
    status, _ = await refused((await cast.contact()).post("registration/v1/entries", asked))
    assert (status, [told.attempt for told in house.bus.told_of(StudioRegistered)]) == (409, [1])
    for admin, waiting in ((cast.gansu, [cast.studio_id]), (cast.qinghai, [])):
        page = await admin.get("review/v1/queue", kind="studio", state="waiting")
        assert [line["studio"] for line in page["items"]] == waiting


async def is_certified(cast: Cast, house: House) -> None:
    decided = house.stage.ledger.decisions
    province = Province(house.stage, cast.gansu, "甘肃省")
    over = lambda: (f"studio/{cast.studio_id}", 2, "approved") in decided  # noqa: E731 # one question, asked again
    await asyncio.gather(province.screen("studio", lambda line: True, over), cast.studio.become_certified())
    studio = await (await cast.contact()).get("registration/v1/studio")
    approved = [told.about for told in house.bus.told_of(ProvinceApproved)]
    assert studio["state"] == "certified"
    assert [(about.kind, about.attempt) for about in approved] == [("studio", 2)]
    assert [about.revisions for about in approved if about.kind == "studio"] == [(house.stage.rulebook.revision,)]


async def enters(cast: Cast, house: House) -> None:
    await cast.studio.enter()
    await house.stage.world.pause(0)
    entry = await (await cast.contact()).get(f"registration/v1/entries/{cast.entry}")
    assert (entry["state"], entry["attempt"]) == ("submitted", 1)
    assert Counter(house.stage.ledger.verdicts.values()) == {"fail": 1, "pass": 1}
    page = await cast.gansu.get(f"review/v1/entries/{cast.entry}")
    (material,) = page["materials"]
    kept = house.stage.ledger.materials[material["material"]]
    assert (page["state"], page["verdict"], material["size"], material["sha256"]) == ("waiting", "pass", *kept)
    link = (await cast.gansu.get(f"media/v1/materials/{material['material']}/link"))["url"]
    assert len((await house.stage.world.files.get(link)).content) == kept.size
    assert await refused(cast.qinghai.get(f"review/v1/entries/{cast.entry}")) == (404, "entry_not_found")


async def is_screened(cast: Cast, house: House) -> None:
    await cast.ballot("early", "not_votable")
    decided = house.stage.ledger.decisions
    province = Province(house.stage, cast.gansu, "甘肃省")
    over = lambda: (f"entry/{cast.entry}", 2, "approved") in decided  # noqa: E731 # one question, asked again
    await asyncio.gather(province.screen("entry", lambda line: True, over), cast.studio.see_it_through())
    entry = await (await cast.contact()).get(f"registration/v1/entries/{cast.entry}")
    assert (entry["state"], entry["attempt"]) == ("approved", 2)
    assert [told.attempt for told in house.bus.told_of(EntrySubmitted)] == [1, 2]
    assert [told.about.kind for told in house.bus.told_of(ProvinceReturned)] == ["studio", "entry"]
    shown = await Person(house.stage.world).get(f"voting/v1/campaigns/{house.stage.rulebook.id}/entries")
    assert [line["entry"] for line in shown] == [cast.entry]


async def is_voted_for(cast: Cast, house: House) -> None:
    voting, submission = house.stage.rulebook.voting, house.stage.rulebook.phase("submission")
    assert voting is not None
    assert submission is not None
    await cast.ballot("eager", "outside_window")
    house.clock.set(max(voting.windows[0].opens.instant, submission.closes.instant))
    asked = {"campaign": house.stage.rulebook.id, "track": "theme-video", "theme": "spaceflight", "title": "太晚"}
    assert (await refused((await cast.contact()).post("registration/v1/entries", asked)))[0] == 409
    for number in range(4):
        await cast.ballot(f"voter-{number}", "counted", times=3, by_bus=number % 2 == 1)
    await cast.ballot("voter-0", "already_counted")
    await house.stage.world.pause(0)
    tally = await Person(house.stage.world).get(f"voting/v1/campaigns/{house.stage.rulebook.id}/tally")
    assert (tally["state"], tally["votes"], len(house.bus.told_of(VoteCast))) == ("open", 4, 4)
    house.clock.set(voting.windows[-1].closes.instant)
    await cast.ballot("late", "outside_window")


async def wins(cast: Cast, house: House) -> None:
    results, public = f"review/v1/campaigns/{house.stage.rulebook.id}/results", Person(house.stage.world)
    assert await refused(cast.national.post(results, {"counts": {AWARD: 1}})) == (409, "tally_open")
    house.clock.advance(timedelta(minutes=1))

    async def closed() -> TallyClosed | None:
        return next(iter(house.bus.told_of(TallyClosed)), None)

    tally = await house.stage.until("the tally to close", closed)
    assert (await refused(cast.gansu.post(results)))[0] == 403
    await cast.national.post(results, {"counts": {AWARD: 1}})
    await house.stage.world.pause(0)
    published = await public.get(results)
    assert [(line["rank"], line["entry"], line["votes"]) for line in published["ranking"]] == [(1, cast.entry, 4)]
    (told,), awards = house.bus.told_of(ResultsPublished), house.bus.told_of(AwardGranted)
    assert (told.tally_digest, told.revision) == (tally.digest, house.stage.rulebook.revision)
    assert [(award.award, award.studio, award.votes) for award in awards] == [(AWARD, cast.studio_id, 4)]


async def gets_its_mails(cast: Cast, house: House, smtp: MailSink) -> None:
    def mailed() -> Counter[str]:
        sent = (told for told in house.bus.told_of(NoticeSent) if told.channel == "mail")
        return Counter(told.template for told in sent if told.account == cast.account)

    async def everything() -> bool | None:
        return True if mailed().total() >= sum(MAILS.values()) else None

    await house.stage.until("the mails", everything)
    assert mailed() == MAILS
    mails = smtp.messages(f"studio-01-{house.stage.ledger.since[-12:]}@example.org")
    assert (len(mails), len({mail["Message-ID"] for mail in mails})) == (sum(MAILS.values()),) * 2
    unread = await (await cast.contact()).get("notify/v1/notices", unread=True, limit=200)
    templates = Counter(row["template"] for row in unread["notices"])
    assert templates - Counter(MAILS) == {"entry-submitted": 2, "material-checked": 1}
