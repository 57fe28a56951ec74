"""What was accepted goes on, or is found and counted: store, records and queue held against each other."""

from datetime import timedelta

from contracts.events.media import MediaValidated
from services.media.app import assemble_worker
from tests.service.media.conftest import Media, package
from tests.service.media.test_sweeping import parts_of, sealed_without_material


async def test_queue_that_melts_leaves_nothing_stuck(media: Media) -> None:
    await media.uploaded((await media.opened()).entry, package())
    media.clock.advance(media.settings.stuck_after * 2)
    await media.bus.settle()
    assert await parts_of(media).mending.stuck() == []
    await media.settle()
    assert await parts_of(media).mending.stuck() == []


async def test_material_whose_upload_nobody_heard_of_is_found_and_queued(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    mending = parts_of(media).mending
    assert await mending.stuck() == []
    media.clock.advance(media.settings.stuck_after + timedelta(seconds=1))
    [stuck] = await mending.stuck()
    assert (stuck.kind, stuck.id) == ("unqueued", material)
    assert await mending.heal(stuck) == "queued to check"
    assert await mending.stuck() == []
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [material]


async def test_job_held_for_a_person_is_listed_with_its_reason_and_put_back(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    await media.bus.settle()
    held = {"state": "held", "reason": "its worker was gone 4 times", "deaths": 4}
    await media.api.database.jobs.update_one({"material": material}, {"$set": held})
    mending = parts_of(media).mending
    [stuck] = await mending.stuck()
    assert (stuck.kind, stuck.reason) == ("held", "its worker was gone 4 times")
    assert await mending.heal(stuck) == "put back"
    await media.settle()
    assert len(media.bus.told_of(MediaValidated)) == 1


async def test_job_held_is_given_up_when_its_studio_sent_other_material(media: Media) -> None:
    entry = await media.opened()
    await media.uploaded(entry.entry, package())
    await media.bus.settle()
    held = {"state": "held", "reason": "its worker was gone 4 times", "deaths": 4}
    await media.api.database.jobs.update_one({}, {"$set": held})
    newer = await media.uploaded(entry.entry, package(1))
    assert await parts_of(media).mending.stuck() == []
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [newer]


async def test_job_that_faults_of_ours_keep_coming_back_is_listed_with_the_fault_and_put_back(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    away = media.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    worker, mending = assemble_worker(media.worker, away), parts_of(media).mending
    await media.bus.settle()
    assert await worker.worker.step()
    assert await mending.stuck() == []
    await passed(media, put_off_since=media.settings.stuck_after)
    [stuck] = await mending.stuck()
    assert (stuck.kind, stuck.id, "out of reach" in stuck.reason) == ("put_off", f"{material}/check", True)
    assert await mending.heal(stuck) == "put back"
    assert await mending.stuck() == []
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [material]


async def test_queue_no_worker_takes_from_is_listed_until_one_does(media: Media) -> None:
    first, second = [await media.uploaded((await media.opened()).entry, package()) for _ in range(2)]
    await media.bus.settle()
    mending = parts_of(media).mending
    assert await mending.stuck() == []
    await passed(media, queued_at=media.settings.stuck_after)
    stuck = await mending.stuck()
    assert [(each.kind, each.id) for each in stuck] == [
        ("unattended", f"{first}/check"), ("unattended", f"{second}/check"),
    ]  # fmt: skip
    assert await mending.heal(stuck[0]) == "not done: start a media worker"
    assert await assemble_worker(media.worker, media.settings).worker.step()
    assert await mending.stuck() == []


async def test_queue_whose_only_worker_died_is_listed_with_what_that_had_begun(media: Media) -> None:
    """Only workers wake what is paused and free what dead ones left."""
    first, second, third = [await media.uploaded((await media.opened()).entry, package()) for _ in range(3)]
    await media.bus.settle()
    queue, mending = assemble_worker(media.worker, media.settings).queue, parts_of(media).mending
    failed = await queue.claim("dead", {}, everything=True)
    assert failed is not None
    await queue.pause(failed, timedelta(seconds=1), "no idea")
    assert await queue.claim("dead", {}, everything=True)
    hours = timedelta(hours=3)
    await passed(media, queued_at=hours, started_at=hours, until=hours)
    stuck = [(each.kind, each.id) for each in await mending.stuck()]
    assert stuck == [("unattended", f"{material}/check") for material in (first, second, third)]


async def test_long_queue_is_not_listed_while_a_worker_has_something_that_takes_long(media: Media) -> None:
    for _ in range(2):
        await media.uploaded((await media.opened()).entry, package())
    await media.bus.settle()
    assert await assemble_worker(media.worker, media.settings).queue.claim("alive", {}, everything=True)
    hours = timedelta(hours=3)
    await passed(media, queued_at=hours, started_at=hours)
    assert await parts_of(media).mending.stuck() == []


async def passed(media: Media, **moments: timedelta) -> None:
    """Let moments jobs keep, by the database's clock, lie so far back and a second more."""
    earlier: dict[str, object] = {
        name: {"$subtract": [f"${name}", round((back.total_seconds() + 1) * 1000)]} for name, back in moments.items()
    }
    await media.api.database.jobs.update_many({}, [{"$set": earlier}])


async def test_completion_that_was_cut_off_is_listed_and_finished(media: Media) -> None:
    ticket = await sealed_without_material(media, package())
    media.clock.advance(media.settings.stuck_after)
    mending = parts_of(media).mending
    [stuck] = await mending.stuck()
    assert (stuck.kind, stuck.id) == ("completing", ticket)
    assert (await mending.heal(stuck)).startswith("material ")
    assert await mending.stuck() == []
