"""A whole campaign by all five services: what was acknowledged becomes a fact once, also when all is told twice."""

import asyncio
import io
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from chassis.testing import MemoryBus, SetClock
from deploy.demo.calendar import Calendar
from deploy.demo.campaign import Story
from deploy.demo.ledger import Ledger
from deploy.demo.packages import Packages
from deploy.demo.plan import plan
from deploy.demo.reckoning import fact_of, facts_of, notices_of
from deploy.demo.show import Lines
from deploy.demo.units import units
from deploy.demo.world import Stage
from tests.story.world import ADMIN, story_world
from tests.support.kinds import MailSink, ObjectStore

STUDIOS, BALLOTS = 4, 60
UNHURRIED = 20.0
"""The clock moves with every wait of everybody, so the calendar leaves room."""


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    made = Packages(tmp_path_factory.mktemp("videos"))
    asyncio.run(made.make_videos())
    return made


@pytest.mark.timeout(400)
@pytest.mark.parametrize("copies", [1, 2], ids=["told once", "told twice"])
async def test_campaign_run_to_its_results_tells_every_fact_once(
    copies: int,
    packages: Packages,
    mongo_url: str,
    database_prefix: str,
    s3: ObjectStore,
    smtp: MailSink,
    tmp_path: Path,
) -> None:
    begins = datetime.now(UTC).replace(microsecond=0)
    bus, clock, rulebook = MemoryBus(copies), SetClock(begins), Calendar(begins, UNHURRIED).rulebook()
    mongo = {"mongo_url": mongo_url, "mongo_prefix": database_prefix}
    world = await story_world(tmp_path, rulebook, bus, clock, mongo, s3, smtp)
    stage = Stage(world, rulebook, Ledger(rulebook.id), Lines(Console(file=io.StringIO())))
    try:
        await Story(stage, packages, plan(units(STUDIOS), rulebook), BALLOTS, ADMIN).run()
        await world.pause(1)
        admin = {fact_of(bus.told[0])}  # the first account is there before anybody acts
        facts = Counter(fact for event in bus.told if (fact := fact_of(event)) and fact not in admin)
        assert facts == facts_of(stage.ledger)
        notices = (
            world.services["notify"].database["notices"].find({"account": {"$in": list(stage.ledger.studios.values())}})
        )
        assert Counter([f"{row['account']} {row['template']}" async for row in notices]) == notices_of(stage.ledger)
        parked = [row["reason"] for each in world.services.values() async for row in each.records.parked.find()]
        assert parked == []
    finally:
        await world.close()
