"""The worker: what was uploaded is measured where it lies, judged, and told once."""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from chassis.delivery import Message
from contracts.events.media import MaterialUploaded, MediaValidated
from services.media.app import assemble_worker, build_worker
from services.media.inspect import child
from services.media.inspect.tools import find
from tests.data.make_packages import make as make_package
from tests.service.media.conftest import MIB, Media, digest, package
from tests.support.factories import make


async def test_material_uploaded_is_checked_and_told_once(media: Media) -> None:
    entry, data = await media.opened(), package()
    material = await media.uploaded(entry.entry, data)
    await media.settle()
    [told] = media.bus.told_of(MediaValidated)
    assert (told.material, told.entry, told.sha256, told.size) == (material, entry.entry, digest(data), len(data))
    shown = (await media.studio.get(f"/v1/materials/{material}")).json()
    assert (shown["state"], shown["verdict"]) == ("checked", told.verdict)
    assert shown["findings"] == [finding.model_dump(mode="json") for finding in told.findings]
    assert await media.audited(f"material/{material}") == ["check"]


async def test_package_without_its_video_fails_with_what_was_measured(media: Media) -> None:
    material = await media.uploaded((await media.opened()).entry, package())
    await media.settle()
    [told] = media.bus.told_of(MediaValidated)
    broken = {finding.rule: finding.measured for finding in told.findings if not finding.ok}
    assert (told.material, told.verdict, "video.count" in broken) == (material, "fail", True)


async def test_bytes_of_another_hash_than_the_tickets_fail(media: Media) -> None:
    entry, data = await media.opened(), package()
    await media.uploaded(entry.entry, data, sha256="0" * 64)
    await media.settle()
    [told] = media.bus.told_of(MediaValidated)
    assert (told.verdict, told.sha256) == ("fail", digest(data))
    assert [finding.rule for finding in told.findings if not finding.ok and "0" * 64 in finding.expected] != []


async def test_material_superseded_before_its_check_is_skipped(media: Media) -> None:
    entry = await media.opened()
    await media.uploaded(entry.entry, package())
    newer = await media.uploaded(entry.entry, package(1))
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [newer]


async def test_newer_upload_takes_the_place_of_the_older_in_the_queue(media: Media) -> None:
    entry = await media.opened()
    for filling in range(3):
        material = await media.uploaded(entry.entry, package(filling))
        await media.bus.settle()
    other = await media.uploaded((await media.opened(studio="s-1", account="a-1")).entry, package())
    await media.bus.settle()
    waiting = await media.api.database.jobs.find({"state": "waiting"}).to_list()
    assert {row["material"]: row["turn"] for row in waiting} == {material: 0, other: 1}
    progress = (await media.studio.get(f"/v1/materials/{material}")).json()["progress"]
    assert (progress["state"], progress["place"]) == ("waiting", 1)


async def test_bytes_swapped_between_upload_and_check_are_noticed(media: Media) -> None:
    entry, data = await media.opened(), package(MIB)
    material = await media.uploaded(entry.entry, data)
    [key] = await media.keys()
    url = media.store.presign_put(key, 60)
    async with httpx.AsyncClient() as web:
        (await web.put(url, content=bytes(reversed(data)))).raise_for_status()
    await media.settle()
    assert media.bus.told_of(MediaValidated) == []
    assert [reason.partition(":")[0] for reason in await media.held()] == ["object_changed"]
    shown = (await media.studio.get(f"/v1/materials/{material}")).json()
    assert (shown["state"], shown["verdict"], shown["progress"]["state"]) == ("uploaded", None, "held")
    assert "工作人员正在查看" in shown["progress"]["zh"]
    assert (await media.studio.get(f"/v1/materials/{material}/link")).json()["code"] == "object_changed"


async def test_store_away_during_a_check_is_tried_again_and_no_verdict(media: Media) -> None:
    entry, data = await media.opened(), package()
    material = await media.uploaded(entry.entry, data)
    away_settings = media.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"})
    away = build_worker(away_settings, media.clock)
    await media.bus.settle()
    assert await assemble_worker(away, away_settings).worker.step()
    await away.client.close()
    job = await media.api.database.jobs.find_one({"material": material})
    assert job is not None
    assert (job["state"], job["failures"], job["deaths"]) == ("paused", [], 0)
    assert (await media.studio.get(f"/v1/materials/{material}")).json()["state"] == "uploaded"
    await media.settle()
    assert (await media.studio.get(f"/v1/materials/{material}")).json()["state"] == "checked"


async def test_object_the_store_does_not_know_just_now_is_asked_for_again_and_costs_no_try(media: Media) -> None:
    entry, data = await media.opened(), package()
    material = await media.uploaded(entry.entry, data)
    await media.bus.settle()
    [key] = await media.keys()
    elsewhere = media.settings.model_copy(update={"s3_bucket": f"{media.settings.s3_bucket}-not"})
    assert await assemble_worker(media.worker, elsewhere).worker.step()
    job = await media.api.database.jobs.find_one({"material": material})
    assert job is not None
    assert (job["state"], job["failures"], key in job["reason"]) == ("paused", [], True)
    await media.settle()
    assert [told.material for told in media.bus.told_of(MediaValidated)] == [material]


async def test_upload_in_a_campaign_without_a_rulebook_parks_at_once(media: Media) -> None:
    entry, data = await media.opened(), package()
    material = await media.uploaded(entry.entry, data)
    row = await media.api.database.materials.find_one({"_id": material})
    assert row is not None
    stray = make(MaterialUploaded, material=material, campaign="no-such-campaign")
    await media.bus.deliver(Message("stray", stray.topic, stray.model_dump_json().encode(), stray.subject))
    assert [reason.partition(":")[0] for reason in await media.parked()] == ["campaign_unknown"]


async def test_tool_that_segfaults_on_a_package_is_its_verdict_and_the_worker_lives(
    media: Media, segfault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = [make_package("stored", tmp_path, mark).read_bytes() for mark in ("1", "2")]
    with monkeypatch.context() as patched:
        patched.setattr(child, "find", lambda tool: str(segfault) if tool == "ffmpeg" else find(tool))
        await media.uploaded((await media.opened()).entry, first)
        await media.settle()
    await media.uploaded((await media.opened()).entry, second)
    await media.settle()
    crashed, well = media.bus.told_of(MediaValidated)
    assert {finding.rule for finding in crashed.findings if not finding.ok} - {"naming"} == {"file.undecodable"}
    assert {finding.rule for finding in well.findings if not finding.ok} - {"naming"} == set()
    assert await media.held() == []


@pytest.fixture
def segfault() -> Iterator[Path]:
    """A program that ends by a segmentation fault at its first step, where a child of another user may run it."""
    with TemporaryDirectory() as folder, Path(sys.executable).open("rb") as ours:
        machine = ours.read(20)[18:]
        start = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<H", 2) + machine
        start += struct.pack("<IQQQIHHHHHH", 1, 0, 64, 0, 0, 64, 56, 1, 64, 0, 0)  # begins at 0
        tool = Path(folder) / "tool"
        tool.write_bytes(start + struct.pack("<IIQQQQQQ", 1, 4, 0, 2**22, 2**22, 120, 120, 4096))
        for path in (tool, tool.parent):
            path.chmod(0o755)
        yield tool


async def test_upload_told_again_under_another_id_is_not_checked_again(media: Media) -> None:
    await media.uploaded((await media.opened()).entry, package())
    await media.settle()
    [uploaded] = media.bus.told_of(MaterialUploaded)
    await media.hear(uploaded)
    await media.settle()
    assert len(media.bus.told_of(MediaValidated)) == 1
