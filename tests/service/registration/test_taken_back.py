"""An entry that came back for its cover, whose video loses its pass at a second look: events in both orders, twice."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from contracts.events.event import Event
from contracts.events.registration import EntrySubmitted
from contracts.ids import SlotId
from contracts.rulebook import SHIPPED
from tests.service.registration.factories import (
    CAMPAIGN,
    MILLISECOND,
    PAGES,
    entry_decision,
    new_entry,
    taken_back,
    uploaded,
    validated,
)
from tests.service.registration.stage import Stage

CLOSES = datetime(2022, 10, 31, 16, tzinfo=UTC)
SHORT, LONG = CLOSES + timedelta(days=1), CLOSES + timedelta(days=2)
VIDEO, COVER = SlotId("video"), SlotId("cover")


@pytest.fixture(scope="session")
def rulebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a campaign whose entries have several slots, beside the one that certifies."""
    folder = tmp_path_factory.mktemp("rulebooks")
    for campaign in (CAMPAIGN, "micro-video-2022"):
        shutil.copy(SHIPPED / f"{campaign}.yaml", folder)
    return folder


async def submitted(stage: Stage) -> tuple[httpx.AsyncClient, dict[str, Any], list[Event]]:
    """An entry submitted with what passed in place, just before the deadline, and what brings it back twice."""
    stage.clock.set(CLOSES - MILLISECOND)
    web = await stage.certified(form={"unit": {**PAGES["unit"], "kind": "institution"}})
    wanted = new_entry(campaign="micro-video-2022", track="micro-video", theme=None)
    entry: dict[str, Any] = (await web.post("/v1/entries", json=wanted)).raise_for_status().json()
    for slot in ("form", "cover", "video"):
        upload = uploaded(entry, stage.clock.now(), slot=SlotId(slot))
        verdict = validated(upload).model_copy(update={"stage": "first"})
        await hear(stage, upload, verdict)
    (await web.post(f"/v1/entries/{entry['entry']}/submit")).raise_for_status()
    returned = entry_decision(entry, CLOSES, reopened_slots=(COVER,), mend_by=SHORT)
    return web, entry, [returned, taken_back(verdict, LONG)]


async def hear(stage: Stage, *events: Event) -> None:
    for event in events:
        await stage.bus.tell(event)
        await stage.bus.settle()


@pytest.mark.parametrize("order", ["returned first", "taken back first"])
async def test_both_are_mended_until_the_later_time(stage: Stage, order: str) -> None:
    web, entry, news = await submitted(stage)
    path = f"/v1/entries/{entry['entry']}"
    await hear(stage, *(news if order == "returned first" else reversed(news)), *news)
    shown = (await web.get(path)).json()
    assert (shown["state"], shown["reopened_slots"]) == ("returned", ["cover", "video"])
    assert (shown["mend_by"], shown["deadline"]) == ("2022-11-02T16:00:00Z",) * 2
    stage.clock.set(LONG - MILLISECOND)
    newer = {slot: uploaded(entry, stage.clock.now(), slot=slot) for slot in (COVER, VIDEO)}
    named = {slot: each.material for slot, each in newer.items()}
    handed_in = await web.post(f"{path}/submit", json={"materials": named})
    await hear(stage, *newer.values(), *map(validated, newer.values()), *news)
    told = stage.bus.told_of(EntrySubmitted)
    with_ = {each.slot: each.material for each in told[-1].materials}
    assert (handed_in.status_code, [each.attempt for each in told]) == (202, [1, 2])
    assert with_ == named | {SlotId("form"): with_[SlotId("form")]}


async def test_entry_given_up_is_taken_up_again_on_the_record(stage: Stage) -> None:
    web, entry, [returned, back] = await submitted(stage)
    path = f"/v1/entries/{entry['entry']}"
    await hear(stage, returned)
    stage.clock.set(SHORT - MILLISECOND)
    await web.post(f"{path}/submit")
    stage.clock.set(SHORT + timedelta(hours=1))
    await stage.sweep()
    await hear(stage, back, back)
    await stage.sweep()
    assert (await web.get(path)).json()["state"] == "handed_in"
    audit = await stage.service.records.audit.find({"subject": f"entry/{entry['entry']}"}).sort("n").to_list()
    assert [record["did"] for record in audit][-3:] == ["hand in", "become incomplete", "become handed_in"]
