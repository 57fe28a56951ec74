"""From a completed upload to the verdict told, through the real processes, at the head of an empty queue."""

import asyncio
import time
from pathlib import Path

import pytest
from aio_pika.abc import AbstractIncomingMessage

from contracts.events.media import MediaValidated
from tests.bench.packages import film
from tests.bench.result import percentile, report_limit
from tests.data.make_packages import distinct, pack
from tests.integration.test_uploads import Media, issuer, issuer_key, media43, put  # noqa: F401 # fixtures

UPLOADS, WARM_UP = 110, 10


@pytest.mark.timeout(300)
async def test_media_verdict(media43: Media, tmp_path: Path) -> None:  # noqa: F811 # the fixture
    media, video = media43, film("testsrc2", "6500k", 5)
    await asyncio.gather(media.start("media-api"), media.start("media-worker"))
    told: dict[str, asyncio.Future[float]] = {}
    loop = asyncio.get_running_loop()

    async def hear(message: AbstractIncomingMessage) -> None:
        if message.routing_key == MediaValidated.topic:
            event = MediaValidated.model_validate_json(message.body)
            assert event.verdict != "fail", event.findings
            heard = told.setdefault(event.material, loop.create_future())
            if not heard.done():
                heard.set_result(time.perf_counter())

    await media.ear.consume(hear, no_ack=True)
    waits = []
    for number in range(UPLOADS):
        package = pack(tmp_path / "package.zip", {"片.mp4": distinct(video, str(number))}).read_bytes()
        material, completed = await _upload(media, package)
        async with asyncio.timeout(30):
            waits.append((await told.setdefault(material, loop.create_future()) - completed) * 1000)
    report_limit("media.verdict", percentile(waits[WARM_UP:], 99), 300, "ms p99 from completion")


async def _upload(media: Media, package: bytes) -> tuple[str, float]:
    """The material a package became, and when it was complete."""
    ticket = await media.ticket(package)
    for part in ticket["parts"]:
        await put(part, ticket, package)
    async with media.studio() as http:
        answer = await http.post(f"/v1/tickets/{ticket['ticket']}/complete")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["material"]), time.perf_counter()
