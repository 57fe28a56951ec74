"""An entry the province returned for one slot, while a second look took the pass of another back: the studio was told
of both, and mends both until the later of the two times."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.events.media import MediaValidated
from contracts.events.registration import EntrySubmitted
from contracts.events.review import ProvinceReturned
from contracts.rulebook import SHIPPED, Slot
from services.media.app import assemble_worker
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure
from services.media.inspect.source import Source
from services.media.materials.passes import Passes
from tests.service.media.beside import Neighbours, beside
from tests.service.media.conftest import Media, package
from tests.service.media.test_beside_registration import ENTRIES, entry_of, studio_of
from tests.service.media.test_second_look import TWO, in_place, worse
from tests.service.media.test_sweeping import CLOSES
from tests.service.registration.factories import MILLISECOND

SLOTS = ("cover", "video")


async def video_worse(source: Source, slot: Slot, name: str) -> PackageFacts:
    """A look that finds in the video's slot what only every byte can show."""
    return await (worse if slot.id == "video" else measure)(source, slot, name)


VIDEO_BACK = Passes(in_place, video_worse)


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The campaign with rules that advise, and a second slot beside the video's."""
    folder = tmp_path / "campaigns"
    folder.mkdir()
    text = (SHIPPED / "cloud-studio-2023.yaml").read_text().replace("{level: required, ", "{level: advice, ")
    start, end = text.index("      - id: video\n"), text.index("  - id: case\n")
    second = text[start:end].replace("id: video", "id: cover", 1)
    (folder / "cloud-studio-2023.yaml").write_text(text[:end] + second + text[end:])
    return folder


@pytest.fixture
async def neighbours(media: Media, settings_of: Any) -> AsyncIterator[Neighbours]:
    async with beside(media, settings_of) as both:
        yield both


async def submitted(media: Media, neighbours: Neighbours) -> str:
    """An entry handed in just before the deadline, and submitted with what passed in place."""
    entry = await entry_of(neighbours.stage)
    media.clock.set(CLOSES - MILLISECOND)
    for filling, slot in enumerate(SLOTS):
        await media.uploaded(entry, package(filling), slot=slot)
    async with studio_of(neighbours.stage) as web:
        (await web.post(f"{ENTRIES}/{entry}/submit")).raise_for_status()
    await media.bus.settle()
    await steps(media)
    await media.bus.settle()
    assert [told.attempt for told in media.bus.told_of(EntrySubmitted)] == [1]
    return entry


async def steps(media: Media) -> None:
    """Let a worker look at both slots; what it found is not told yet."""
    parts = assemble_worker(media.worker, media.settings, VIDEO_BACK)
    for _ in SLOTS:
        assert await parts.worker.step()


async def give_back(media: Media, neighbours: Neighbours, entry: str) -> None:
    """The province returns the entry for its cover, to be mended within a day."""
    reasons = [{"code": "picture-or-sound", "about": "slot:cover", "text": "画面不清晰，请更换。"}]
    asked = {"reasons": reasons, "mend_by": (media.clock.now() + timedelta(days=1)).isoformat()}
    async with neighbours.province() as web:
        (await web.post(f"/v1/entries/{entry}/return", json=asked)).raise_for_status()


@pytest.mark.parametrize("order", ["returned first", "taken back first"])
async def test_both_slots_are_mended_until_the_later_time(media: Media, neighbours: Neighbours, order: str) -> None:
    entry = await submitted(media, neighbours)
    media.clock.set(CLOSES + timedelta(hours=2))
    if order == "taken back first":
        await steps(media)
    await give_back(media, neighbours, entry)
    if order == "returned first":
        await media.bus.settle()
        await steps(media)
    await media.bus.settle()
    [returned] = media.bus.told_of(ProvinceReturned)
    [back] = [told for told in media.bus.told_of(MediaValidated) if told.mend_by]
    assert (returned.reopened_slots, back.slot, back.mend_by) == (("cover",), "video", back.at + timedelta(hours=48))
    await media.hear(back, returned, back)
    assert back.mend_by is not None
    media.clock.set(back.mend_by - MILLISECOND)
    newer = {slot: await media.uploaded(entry, package(5), slot=slot) for slot in SLOTS}
    async with studio_of(neighbours.stage) as web:
        answer = await web.post(f"{ENTRIES}/{entry}/submit", json={"materials": newer})
    await media.settle(TWO)
    assert answer.status_code in (200, 202), answer.text
    told = media.bus.told_of(EntrySubmitted)
    assert [each.attempt for each in told] == [1, 2]
    assert {each.slot: each.material for each in told[-1].materials} == newer
    assert await media.parked() == []
