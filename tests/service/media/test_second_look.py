"""A first verdict by what can be read in place, a second by every byte: it bears the first out, or takes it back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.events.media import MediaValidated
from contracts.events.registration import EntrySubmitted
from contracts.events.review import ProvinceReturned
from contracts.rulebook import Slot
from services.media.app import assemble_worker
from services.media.inspect.models import Fault, PackageFacts
from services.media.inspect.probe import measure
from services.media.inspect.source import Source
from services.media.materials.passes import Passes
from tests.service.media.beside import beside
from tests.service.media.conftest import Media, lenient, package
from tests.service.media.test_beside_registration import ENTRIES, entry_of, studio_of
from tests.service.media.test_sweeping import CLOSES
from tests.service.registration.stage import Stage


async def in_place(source: Source, slot: Slot, name: str) -> PackageFacts:
    """A look that has not seen every byte."""
    return replace(await measure(source, slot, name), sha256=None)


async def worse(source: Source, slot: Slot, name: str) -> PackageFacts:
    """A look that finds what only every byte can show."""
    facts = await measure(source, slot, name)
    return replace(facts, faults=(*facts.faults, Fault("crc", "00000000 ≠ 11111111")))


TWO, TAKEN_BACK = Passes(in_place, measure), Passes(in_place, worse)


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The campaign with rules that advise, so that a small package passes."""
    return lenient(tmp_path)


@pytest.fixture
async def stage(media: Media, settings_of: Any) -> AsyncIterator[Stage]:
    """Registration beside media, and review."""
    async with beside(media, settings_of) as both:
        yield both.stage


async def test_failure_seen_in_place_is_final(media: Media) -> None:
    entry = await media.opened()
    material = await media.uploaded(entry.entry, package()[:-30])
    await media.bus.settle()
    queued = (await media.studio.get(f"/v1/materials/{material}")).json()["progress"]
    assert (queued["task"], queued["state"], queued["place"]) == ("check", "waiting", 1)
    assert "排在第 1 位" in queued["zh"]
    await media.settle(TWO)
    shown = (await media.studio.get(f"/v1/materials/{material}")).json()
    assert (shown["verdict"], shown["stage"], shown["progress"]) == ("fail", "only", None)
    assert [each.stage for each in media.bus.told_of(MediaValidated)] == ["only"]


async def test_material_that_passed_in_place_is_told_of_twice(media: Media, stage: Stage) -> None:
    entry = await entry_of(stage)
    material = await media.uploaded(entry, package(1))
    await media.bus.settle()
    parts = assemble_worker(media.worker, media.settings, TWO)
    assert await parts.worker.step()
    shown = (await media.studio.get(f"/v1/materials/{material}")).json()
    assert (shown["verdict"], shown["stage"]) == ("advice", "first")
    assert (shown["progress"]["task"], shown["progress"]["state"]) == ("prove", "waiting")
    await media.settle(TWO)
    told = [(each.stage, each.verdict, each.mend_by) for each in media.bus.told_of(MediaValidated)]
    assert told == [("first", "advice", None), ("second", "advice", None)]
    assert (await media.studio.get(f"/v1/materials/{material}")).json()["progress"] is None


async def test_entry_handed_in_with_what_is_taken_back_comes_back_with_time_to_mend(media: Media, stage: Stage) -> None:
    entry, data = await entry_of(stage), package(1)
    media.clock.set(CLOSES - timedelta(milliseconds=1))
    await media.uploaded(entry, data)
    async with studio_of(stage) as web:
        await web.post(f"{ENTRIES}/{entry}/submit")
    media.clock.set(CLOSES + timedelta(hours=2))
    await media.settle(TAKEN_BACK)
    [returned] = media.bus.told_of(ProvinceReturned)
    assert (returned.by, returned.reopened_slots, [each.about for each in returned.reasons]) == (
        "check", ("video",), ["slot:video"],
    )  # fmt: skip
    assert returned.mend_by is not None
    assert returned.mend_by >= media.clock.now() + timedelta(hours=48)
    media.clock.set(returned.mend_by - timedelta(milliseconds=1))
    newer = await media.uploaded(entry, package(2))
    async with studio_of(stage) as web:
        again = await web.post(f"{ENTRIES}/{entry}/submit")
    await media.settle(TWO)
    assert again.status_code in (200, 202), again.text
    assert [[each.material for each in told.materials] for told in media.bus.told_of(EntrySubmitted)][-1] == [newer]
    assert media.bus.told_of(EntrySubmitted)[-1].attempt == 2


async def test_entry_not_handed_in_yet_keeps_its_deadline_when_its_material_is_taken_back(
    media: Media, stage: Stage
) -> None:
    entry = await entry_of(stage)
    media.clock.set(CLOSES - timedelta(milliseconds=1))
    await media.uploaded(entry, package(1))
    await media.settle(TAKEN_BACK)
    media.clock.set(CLOSES + timedelta(hours=47))
    await media.uploaded(entry, package(2))
    await media.bus.settle()
    async with studio_of(stage) as web:
        await web.post(f"{ENTRIES}/{entry}/submit")
    await media.settle(TWO)
    assert [told.attempt for told in media.bus.told_of(EntrySubmitted)] == [1]
    assert media.bus.told_of(ProvinceReturned) == []


async def test_entry_handed_in_on_a_first_verdict_says_so(media: Media, stage: Stage) -> None:
    entry = await entry_of(stage)
    await media.uploaded(entry, package(1))
    async with studio_of(stage) as web:
        await web.post(f"{ENTRIES}/{entry}/submit")
    await media.bus.settle()
    assert await assemble_worker(media.worker, media.settings, TWO).worker.step()
    await media.bus.settle()
    [told] = media.bus.told_of(EntrySubmitted)
    assert [each.stage for each in told.materials] == ["first"]
