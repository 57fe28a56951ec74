"""What is wrong with a picture is told in words about pictures."""

from pathlib import Path

import pytest

from contracts.events.media import Finding
from contracts.rulebook import Slot
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.films import film, spoilt
from tests.unit.media.inspect.jpegs import coded_as, with_size
from tests.unit.media.inspect.memory import MemorySource

OF_OTHERS = ("mp4", "播放", "视频", "zip", "解开")
"""What is said of films and archives alone."""


def blemished(photo: Path, kind: str) -> bytes:
    """A picture with something wrong with it."""
    data = photo.read_bytes()
    match kind:
        case "truncated":
            return data[: len(data) // 2] + b"\xff\xd9"
        case "undecodable":
            return data.replace(b"\xff\xdb", b"\xff\xfe")
        case "flawed":
            return data[: len(data) // 2] + b"\x55" * 4000 + data[len(data) // 2 + 4000 :]
        case "bomb":
            return with_size(data, 15_000, 15_000)
        case "scans":
            return with_size(coded_as(photo, "-progressive") + bytes(2**20), 16_000, 15_625) + bytes(2**20)
        case _:
            return data[:2] + (b"\xff\xe1\xff\xff" + bytes(65533)) * 300 + data[2:]


async def told(data: bytes, slot: Slot) -> Finding:
    verdict = judge(await measure(MemorySource(zipped({"a.jpg": data})), slot), slot)
    [finding] = [finding for finding in verdict.findings if finding.rule.startswith("file.")]
    return finding


@pytest.mark.parametrize(
    ("kind", "code", "measured"),
    [
        ("truncated", "truncated", "只有 only 65 %"),
        ("undecodable", "undecodable", "JPEG: Quantization table 0x00 was not defined"),
        ("flawed", "flawed", "JPEG"),
        ("bomb", "bomb", "15000x15000, "),
        ("scans", "absurd", "16000x15625, 10 遍 scans, "),
        ("header", "absurd", "头部 header > 16 MiB (16777216 B)"),
    ],
)
async def test_picture_is_spoken_of_as_a_picture(
    kind: str, code: str, measured: str, jpeg: Path, slots: dict[str, Slot]
) -> None:
    finding = await told(blemished(jpeg, kind), slots["case"])
    assert finding.rule == f"file.{code}"
    assert finding.measured.startswith(measured)
    assert not [word for word in OF_OTHERS if word in finding.message.zh + finding.mend.zh + finding.expected]


async def test_film_is_still_spoken_of_as_a_film(folder: Path, slots: dict[str, Slot]) -> None:
    package = zipped({"a.mp4": await spoilt(film("h264.mp4", folder), 60, 90)})
    verdict = judge(await measure(MemorySource(package), slots["video"]), slots["video"])
    [finding] = [finding for finding in verdict.findings if finding.rule == "file.undecodable"]
    assert "mp4" in finding.mend.zh
