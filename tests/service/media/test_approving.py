"""What a province saw is what is shown, whatever came in between and in whichever order it was heard."""

from datetime import timedelta
from pathlib import Path

import pytest

from contracts.events.event import Event
from contracts.events.media import MaterialPublished, MediaValidated
from contracts.events.review import ProvinceApproved, ProvinceReturned
from services.media.app import assemble_worker
from tests.chaos.scenarios import about_entry
from tests.service.media.conftest import Media, lenient, package, submitted
from tests.service.media.test_second_look import TWO
from tests.service.media.test_sweeping import parts_of
from tests.support.factories import make


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """Rules that a small package keeps."""
    return lenient(tmp_path)


def approved(entry: str) -> ProvinceApproved:
    return make(ProvinceApproved, about=about_entry(entry, attempt=1))


async def test_what_was_uploaded_before_media_heard_of_the_submission_is_not_shown_in_its_place(media: Media) -> None:
    entry = (await media.opened()).entry
    seen = await media.uploaded(entry, package(1))
    await media.settle()
    late = await media.uploaded(entry, package(2))
    await media.hear(submitted(entry, seen))
    await media.settle()
    await media.hear(approved(entry))
    await media.settle()
    assert [told.material for told in media.bus.told_of(MaterialPublished)] == [seen]
    assert {told.material for told in media.bus.told_of(MediaValidated)} == {seen, late}, "either has its verdict"


async def test_what_an_entry_was_submitted_with_is_read_to_its_end_though_newer_came_before_that_was_heard(
    media: Media,
) -> None:
    entry = (await media.opened()).entry
    seen = await media.uploaded(entry, package(1))
    await media.bus.settle()
    assert await assemble_worker(media.worker, media.settings, TWO).worker.step()
    await media.uploaded(entry, package(2))
    await media.hear(submitted(entry, seen))
    await media.settle(TWO)
    second = [told.material for told in media.bus.told_of(MediaValidated) if told.stage == "second"]
    assert seen in second


@pytest.mark.parametrize("first", ["submission", "approval"])
async def test_submission_and_approval_come_to_the_same_in_any_order_and_again(media: Media, first: str) -> None:
    entry = (await media.opened()).entry
    material = await media.uploaded(entry, package())
    await media.settle()
    heard: list[Event] = [submitted(entry, material), approved(entry)]
    await media.hear(*(heard if first == "submission" else heard[::-1]))
    await media.settle()
    await media.hear(submitted(entry, material), approved(entry))
    await media.settle()
    assert [told.material for told in media.bus.told_of(MaterialPublished)] == [material]


async def test_material_of_a_slot_that_was_reopened_stays_though_the_submission_is_heard_after_it(media: Media) -> None:
    entry = (await media.opened()).entry
    before = await media.uploaded(entry, package(1))
    await media.settle()
    mend_by = media.clock.now() + timedelta(days=1)
    about = about_entry(entry, attempt=1)
    await media.hear(make(ProvinceReturned, about=about, reopened_slots=("video",), mend_by=mend_by))
    newer = await media.uploaded(entry, package(2))
    await media.hear(submitted(entry, before))
    rows = media.api.database.materials.find({"entry": entry, "superseded_by": None})
    assert [row["_id"] async for row in rows] == [newer]


async def test_check_that_was_given_up_while_its_material_counted_again_is_found_and_queued(media: Media) -> None:
    """Its worker looked just before, when newer material had the place."""
    material = await media.uploaded((await media.opened()).entry, package())
    await media.bus.settle()
    await media.api.database.jobs.update_one({"material": material}, {"$set": {"state": "done"}})
    media.clock.advance(media.settings.stuck_after + timedelta(seconds=1))
    mending = parts_of(media).mending
    [stuck] = await mending.stuck()
    assert (stuck.kind, stuck.id) == ("unqueued", material)
    assert await mending.heal(stuck) == "queued to check"
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [material]
