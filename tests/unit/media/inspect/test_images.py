"""JPEGs as ffmpeg writes them, and what can be wrong with them."""

import struct
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect.images import read_jpeg
from services.media.inspect.models import Damaged
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.jpegs import with_size
from tests.unit.media.inspect.memory import MemorySource


@pytest.fixture(scope="session")
def data(jpeg: Path) -> bytes:
    return jpeg.read_bytes()


def with_orientation(data: bytes, value: int, order: str = "<") -> bytes:
    """The picture with an Exif segment of one entry."""
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, value, 0, 0)
    body = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


async def refusal(data: bytes) -> str:
    with pytest.raises(Damaged) as refused:
        await read_jpeg(MemorySource(data))
    return refused.value.code


@pytest.mark.parametrize(("value", "turned"), [(1, False), (3, False), (6, True), (8, True), (5, True), (99, False)])
@pytest.mark.parametrize("order", ["<", ">"])
async def test_picture_is_shown_as_its_orientation_says(data: bytes, value: int, turned: bool, order: str) -> None:
    picture = await read_jpeg(MemorySource(with_orientation(data, value, order)))
    assert picture.shown == (Pixels(960, 1280) if turned else Pixels(1280, 960))


@pytest.mark.parametrize(("kind", "letter"), [(3, "H"), (4, "I"), (8, "h"), (9, "i")])
@pytest.mark.parametrize("order", ["<", ">"])
async def test_orientation_counts_in_any_whole_number(data: bytes, kind: int, letter: str, order: str) -> None:
    old = struct.pack(f"{order}HHIHHI", 0x0112, 3, 1, 6, 0, 0)
    new = struct.pack(f"{order}HHI", 0x0112, kind, 1) + struct.pack(order + letter, 6).ljust(4, b"\0") + bytes(4)
    turned = with_orientation(data, 6, order).replace(old, new)
    assert (await read_jpeg(MemorySource(turned))).shown == Pixels(960, 1280)


async def test_picture_of_more_pixels_than_its_bytes_can_hold_is_a_bomb(data: bytes) -> None:
    assert await refusal(with_size(data, 15_000, 15_000)) == "bomb"
    assert await refusal(with_size(data, 60_000, 60_000)) == "bomb"


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


@pytest.mark.parametrize(
    ("marker", "bits", "colours", "refused"),
    [
        (0xC1, 8, 3, None), (0xC2, 8, 1, None), (0xC0, 8, 4, None),
        (0xC9, 8, 3, "arithmetic"), (0xCA, 8, 3, "arithmetic"), (0xC3, 8, 3, "lossless"), (0xF7, 8, 3, "JPEG-LS"),
        (0xC5, 8, 3, "hierarchical"), (0xC1, 12, 3, "12 bit × 3"), (0xC0, 8, 2, "8 bit × 2"),
    ],
)  # fmt: skip
async def test_coding_no_browser_decodes_is_refused(
    data: bytes, marker: int, bits: int, colours: int, refused: str | None
) -> None:
    at = data.index(b"\xff\xc0")
    coded = bytearray(data)
    coded[at + 1], coded[at + 4], coded[at + 9] = marker, bits, colours
    source = MemorySource(bytes(coded))
    if refused is None:
        assert (await read_jpeg(source)).shown == Pixels(1280, 960)
    else:
        with pytest.raises(Damaged) as told:
            await read_jpeg(source)
        assert (told.value.code, told.value.measured) == ("coding", refused)


async def test_picture_with_a_film_after_it_is_whole(data: bytes) -> None:
    film = b"\0\0\0\x18ftypmp42" + b"\x55" * 500_000
    assert (await read_jpeg(MemorySource(data + film))).shown == Pixels(1280, 960)
    assert await refusal(data[: len(data) // 2] + film) == "truncated"


async def test_stray_bytes_between_segments_are_skipped(data: bytes) -> None:
    at = data.index(b"\xff\xdb")
    assert (await read_jpeg(MemorySource(data[:at] + b"\0\0stray\xff\0" + data[at:]))).shown == Pixels(1280, 960)


async def test_several_pictures_in_one_file_are_the_first(data: bytes) -> None:
    """A camera's MPO: a second, smaller picture follows the first one."""
    index = b"\xff\xe2" + struct.pack(">H", 2 + 8) + b"MPF\0MM\0*"
    assert (await read_jpeg(MemorySource(data[:2] + index + data[2:] + data))).shown == Pixels(1280, 960)
