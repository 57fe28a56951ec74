"""`zhumeng media`: what ops see of the queue, and how they bring on what is stuck."""

import asyncio
import json

import pytest
from typer.testing import CliRunner, Result

from contracts.events.media import MediaValidated
from deploy.commands import media as commands
from services.media.queue.models import Lane, Overview
from services.media.queue.rules import CHECK, PROVE
from tests.service.media.conftest import Media, package


@pytest.fixture(autouse=True)
def _here(media: Media, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "_settings", lambda: media.settings)


async def zhumeng(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, commands.app, arguments)


async def test_queue_is_shown_until_it_is_empty(media: Media) -> None:
    await media.uploaded((await media.opened()).entry, package())
    await media.bus.settle()
    assert (await zhumeng("queue")).stdout.startswith(
        "待检查 check 1  待逐字节核对 prove 0  待发布 publish 0  进行 running 0"
    )
    await media.settle()
    assert "check 0" in (await zhumeng("queue", "--follow")).stdout


async def test_job_held_is_listed_and_put_back_by_its_id(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    await media.bus.settle()
    held = {"state": "held", "reason": "its worker was gone 4 times", "deaths": 4}
    await media.api.database.jobs.update_one({"material": material}, {"$set": held})
    listed, shown = await zhumeng("stuck", "--json"), await zhumeng("stuck")
    found = json.loads(listed.stdout)
    assert (listed.exit_code, found["kind"], found["reason"]) == (1, "held", "its worker was gone 4 times")
    assert (shown.exit_code, found["id"] in shown.stdout) == (1, True)
    healed = await zhumeng("heal", found["id"])
    assert (healed.exit_code, "put back" in healed.stdout, "still stuck: 0" in healed.stdout) == (0, True, True)
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [material]


async def test_nothing_stuck_is_said_and_heal_asks_which(media: Media) -> None:
    nothing, unnamed, everything = await zhumeng("stuck"), await zhumeng("heal"), await zhumeng("heal", "--all")
    assert (nothing.exit_code, unnamed.exit_code, everything.exit_code) == (0, 2, 0)
    assert "nothing is stuck" in nothing.stdout


def test_queue_says_when_all_are_checked() -> None:
    waiting = {Lane(CHECK, "620000"): 30, Lane(CHECK, "510000"): 10, Lane(PROVE, "620000"): 3}
    said = commands.line(Overview(waiting=waiting, running=4, at_work={CHECK: 4}, oldest_s=12.4, took_s={CHECK: 0.5}))
    assert said == (
        "待检查 check 40  待逐字节核对 prove 3  待发布 publish 0  进行 running 4  暂停 paused 0  等待人工 held 0  "
        "最久 oldest 12 s  约 5 s 后查完 until all are checked"
    )
