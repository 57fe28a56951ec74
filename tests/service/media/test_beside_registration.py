"""Media and registration on one bus: an upload counts for one as it counts for the other."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.testing import client
from contracts.events.registration import EntrySubmitted
from contracts.ids import StudioId, TicketId
from services.registration.app import build
from services.registration.certification.store import StudioStore
from services.registration.settings import Settings
from tests.service.media.conftest import Media, lenient, package
from tests.service.media.test_sweeping import CLOSES, STUDIO, DiesAfterSealing, parts_of
from tests.service.registration.factories import MILLISECOND, certified_studio, new_entry
from tests.service.registration.stage import Stage

SHARED = {"signing_key_file", "rulebooks", "s3_endpoint", "s3_public_endpoint", "s3_access_key", "s3_secret_key"}
ENTRIES = "/v1/entries"


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The campaign with rules that advise, so that a small package passes."""
    return lenient(tmp_path)


@pytest.fixture
async def stage(media: Media, settings_of: Any) -> AsyncIterator[Stage]:
    """Registration beside media, with the studio of media's callers certified."""
    given = media.settings.model_dump(include=SHARED | {"s3_bucket"})
    service = await media.bus.join(build(settings_of(Settings, **given), media.clock))
    media.issuer.admit(service)
    studio, store = certified_studio(StudioId("s-1")), StudioStore(service.database)
    await service.transactions.run(lambda tx: store.save(tx, studio))
    yield Stage(service, media.bus, media.clock, media.issuer)
    await service.client.close()


async def entry_of(stage: Stage) -> str:
    """An entry of the studio, which media has heard of."""
    async with studio_of(stage) as web:
        answer = (await web.post(ENTRIES, json=new_entry())).raise_for_status()
    await stage.bus.settle()
    return str(answer.json()["entry"])


def studio_of(stage: Stage) -> httpx.AsyncClient:
    token = stage.issuer.token("studio", account="a-1", studio="s-1", province="620000", city="620100")
    return client(stage.service, token)


async def test_material_named_and_then_uploaded_again_is_submitted_as_the_newer_one(media: Media, stage: Stage) -> None:
    entry = await entry_of(stage)
    named = await media.uploaded(entry, package())
    async with studio_of(stage) as web:
        handed_in = await web.post(f"{ENTRIES}/{entry}/submit", json={"materials": {"video": named}})
    newer = await media.uploaded(entry, package(1))
    await media.settle()
    submitted = media.bus.told_of(EntrySubmitted)
    assert handed_in.status_code == 202
    assert [[each.material for each in told.materials] for told in submitted] == [[newer]]


async def test_upload_completed_in_time_counts_although_the_store_answered_after_the_drain(
    media: Media, stage: Stage
) -> None:
    entry, data = await entry_of(stage), package(1)
    media.clock.set(CLOSES - MILLISECOND)
    ticket = await media.take(entry, data)
    await media.send(ticket, data)
    async with studio_of(stage) as web:
        assert (await web.post(f"{ENTRIES}/{entry}/submit")).status_code == 202
    media.clock.set(CLOSES + timedelta(hours=1) - MILLISECOND)
    with pytest.raises(ConnectionError):
        await parts_of(media, DiesAfterSealing).completion.complete(STUDIO, TicketId(ticket["ticket"]))
    media.clock.advance(timedelta(hours=3))
    await stage.sweep()
    await parts_of(media).sweep.settle()
    await media.settle()
    async with studio_of(stage) as web:
        after = (await web.get(f"{ENTRIES}/{entry}")).json()
    assert (after["state"], len(media.bus.told_of(EntrySubmitted))) == ("submitted", 1)
    assert after["materials"][0]["uploaded_at"] == "2023-08-15T16:59:59.999000Z"
