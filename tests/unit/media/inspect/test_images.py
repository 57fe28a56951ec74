"""JPEGs as ffmpeg writes them, and what can be wrong with them."""

import struct
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect.images import read_jpeg
from services.media.inspect.models import Damaged
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.memory import MemorySource


@pytest.fixture(scope="session")
def data(jpeg: Path) -> bytes:
    return jpeg.read_bytes()


def with_orientation(data: bytes, value: int, order: str = "<") -> bytes:
    """The picture with an Exif segment of one entry."""
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def with_size(data: bytes, width: int, height: int) -> bytes:
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


async def refusal(data: bytes) -> str:
    with pytest.raises(Damaged) as refused:
        await read_jpeg(MemorySource(data))
    return refused.value.code


@pytest.mark.parametrize(("value", "turned"), [(1, False), (3, False), (6, True), (8, True), (5, True), (99, False)])
@pytest.mark.parametrize("order", ["<", ">"])
async def test_picture_is_shown_as_its_orientation_says(data: bytes, value: int, turned: bool, order: str) -> None:
    picture = await read_jpeg(MemorySource(with_orientation(data, value, order)))
    assert picture.shown == (Pixels(960, 1280) if turned else Pixels(1280, 960))


async def test_grey_and_huge_headers_are_read(folder: Path, data: bytes) -> None:
    grey = ffmpeg("-f", "lavfi", "-i", "testsrc2=size=334x78", "-frames:v", "1", "-pix_fmt", "gray", folder / "g.jpg")
    assert (await read_jpeg(MemorySource(grey.read_bytes()))).shown == Pixels(334, 78)
    profiles = (b"\xff\xe2" + struct.pack(">H", 65535) + bytes(65533)) * 40
    source = MemorySource(data[:2] + profiles + data[2:])
    assert (await read_jpeg(source)).shown == Pixels(1280, 960)


async def test_picture_with_data_after_its_end_is_whole(data: bytes) -> None:
    assert (await read_jpeg(MemorySource(data + bytes(5000)))).shown == Pixels(1280, 960)


async def test_picture_cut_short_is_told(data: bytes) -> None:
    assert await refusal(data[: len(data) // 2]) == "truncated"
    assert await refusal(data[:30]) == "truncated"
    thumbnail = b"\xff\xe1" + struct.pack(">H", 2 + 4) + b"\xff\xd8\xff\xd9"
    assert await refusal((data[:2] + thumbnail + data[2:])[: len(data) // 2]) == "truncated"


async def test_picture_larger_than_any_cameras_is_refused(data: bytes) -> None:
    assert await refusal(with_size(data, 65500, 65500)) == "bomb"


async def test_picture_of_no_size_is_damaged(data: bytes) -> None:
    assert await refusal(with_size(data, 0, 100)) == "damaged"


async def test_markers_without_a_picture_are_damaged() -> None:
    assert await refusal(b"\xff\xd8\xff\xd9") == "damaged"
    assert await refusal(b"\xff\xd8" + b"\xff\xfe\0\2" * 5000) == "absurd"
    assert await refusal(b"\xff\xd8" + b"\xff" * 5000) == "absurd"
