"""What a media process says it waits for while it cannot start."""

import asyncio
import shutil
from collections.abc import Callable

import pytest

from chassis.clock import Clock
from chassis.service import Process, Service
from services.media.app import build_api, build_worker
from services.media.inspect.tools import ToolMissing
from services.media.settings import Settings
from tests.service.media.conftest import Media


@pytest.mark.parametrize("build", [build_api, build_worker])
async def test_process_started_while_the_object_store_is_away_waits_for_it_by_name(
    media: Media, build: Callable[[Settings, Clock], Service]
) -> None:
    away = build(media.settings.model_copy(update={"s3_endpoint": "http://127.0.0.1:9"}), media.clock)
    async with Process(away).lifespan(away.http()):
        for _ in range(300):
            if (said := await waited_for(away)) == "waiting for object store":
                break
            await asyncio.sleep(0.1)
    assert said == "waiting for object store"


async def waited_for(service: Service) -> str:
    try:
        await service.checks["started"]()
    except ConnectionError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("missing", ["bsdtar", "unar", "ffmpeg", "djpeg"])
async def test_worker_that_lacks_a_tool_is_not_ready(
    missing: str, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = media.worker.checks["tools"]
    await ready()
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda tool, path: None if missing in tool else which(tool, path=path))
    with pytest.raises(ToolMissing, match=missing):
        await ready()
