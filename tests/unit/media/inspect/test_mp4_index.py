"""Indexes of videos that are unusual and right, and ones that lie."""

import struct
import zlib
from pathlib import Path

import pytest

from contracts.rulebook.measures import Pixels
from services.media.inspect.models import Damaged
from services.media.inspect.mp4 import read_mp4
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.atoms import STBL, Change, box, changed, numbers, renamed
from tests.unit.media.inspect.memory import MemorySource


async def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Damaged) as refused:
        await read_mp4(MemorySource(data))
    return refused.value.code, refused.value.measured


@pytest.fixture(scope="session")
def small(folder: Path) -> bytes:
    """One second of ten pictures and a tone, each picture in a chunk of its own, the index behind the data."""
    picture, tone = "testsrc=size=320x180:rate=10:duration=1", "sine=frequency=440"
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    target = folder / "ten.mp4"
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-shortest", *coded, target)
    return target.read_bytes()


@pytest.mark.parametrize(
    ("box", "change", "refused"),
    [
        ("stco", lambda _: bytes(4) + numbers([1, 10**9]), ("missing-samples", "1 / 10")),
        ("stco", lambda c: c[:8] + numbers([8]) + c[12:], ("missing-samples", "1 / 10 chunks")),
        ("stco", lambda _: bytes(4) + numbers([0]), ("damaged", "stsc: 0 chunks")),
        ("stco", lambda c: c[:-4], ("damaged", "stco: 10 > 44 B")),
        ("stsc", lambda _: bytes(4) + numbers([1, 2, 1, 1]), ("damaged", "stsc: 10 chunks")),
        ("stsc", lambda _: bytes(4) + numbers([2, 1, 1, 1, 1, 1, 1]), ("damaged", "stsc: 10 chunks")),
        ("stsc", lambda _: bytes(4) + numbers([1, 1, 0, 1]), ("missing-samples", "0 / 10")),
        ("stsz", lambda c: c[:4] + numbers([0, 12]) + c[12:] + numbers([1, 1]), ("missing-samples", "10 / 12")),
        ("stsz", lambda c: c[:4] + numbers([0, 9]) + c[12:], ("missing-samples", "9 / 10")),
        ("stsz", lambda c: c[:12] + numbers([2**31]) + c[16:], ("missing-samples", "1 / 10 chunks")),
        ("stsz", lambda c: c[:12] + bytes(8) + c[20:], ("missing-samples", "2 / 10: 0 B")),
        ("stsz", lambda c: c[:4] + numbers([1, 2**32 - 1]), ("absurd", "4294967295 samples")),
        ("stts", lambda _: bytes(4) + numbers([1, 9000, 512]), ("missing-samples", "10 / 9000")),
        ("stts", lambda _: bytes(4) + numbers([1, 10, 0]), ("missing-samples", "0 / 10")),
        ("stsd", lambda _: bytes(8), ("damaged", "stsd")),
    ],
)
async def test_index_that_lies_is_refused(box: str, change: Change, refused: tuple[str, str], small: bytes) -> None:
    assert await refusal(changed(small, STBL + box.encode(), change)) == refused


@pytest.mark.parametrize(
    ("before", "behind", "shared"),
    [
        ([7], [], [2, 1, 0, 1, 2, 1, 1]),
        ([], [7], [2, 1, 1, 1, 11, 0, 1]),
        ([], [7, 7, 7], [4, 1, 1, 1, 10, 12, 1, 11, 1, 1, 12, 0, 1]),
    ],
)
async def test_chunks_without_samples_may_lie_anywhere(
    before: list[int], behind: list[int], shared: list[int], small: bytes
) -> None:
    """`before` and `behind`: places of chunks more than the ten with a sample each."""
    count = numbers([10 + len(before) + len(behind)])
    longer = changed(small, STBL + b"stco", lambda c: bytes(4) + count + numbers(before) + c[8:] + numbers(behind))
    odd = changed(longer, STBL + b"stsc", lambda _: bytes(4) + numbers(shared))
    assert await read_mp4(MemorySource(odd)) == await read_mp4(MemorySource(small))


async def test_samples_that_lie_nowhere_are_refused(small: bytes) -> None:
    """No player opens such a film."""
    nowhere = changed(small, b"moov/trak/mdia/minf/dinf/dref", lambda _: bytes(8))
    assert await refusal(nowhere) == ("damaged", "dref: 0")


async def test_sound_that_is_not_there_is_refused(small: bytes) -> None:
    absurd = changed(small, STBL + b"stsz", lambda c: c[:12] + numbers([2**31]) + c[16:], nth=1)
    assert (await refusal(absurd))[0] == "missing-samples"
    beyond = changed(small, STBL + b"stco", lambda c: c[:8] + numbers([2**31]) + c[12:], nth=1)
    assert (await refusal(beyond))[0] == "missing-samples"


async def test_raw_sound_of_samples_without_number_is_read(small: bytes) -> None:
    raw = changed(small, STBL + b"stsz", lambda c: c[:4] + numbers([2, 2 * 10**9]), nth=1)
    raw = changed(raw, STBL + b"stts", lambda _: bytes(4) + numbers([1, 2 * 10**9, 1]), nth=1)
    assert (await read_mp4(MemorySource(raw))).audio


async def test_raw_sound_that_lies_beyond_the_data_is_refused(small: bytes) -> None:
    raw = changed(small, STBL + b"stsz", lambda c: c[:4] + numbers([2, 2 * 10**9]), nth=1)
    beyond = changed(raw, STBL + b"stco", lambda c: c[:8] + numbers([2**31]) + c[12:], nth=1)
    [code, measured] = await refusal(beyond)
    assert (code, measured[:4]) == ("missing-samples", "1 / ")


@pytest.mark.parametrize(
    ("kind", "nth"), [(b"encv", 0), (b"drmi", 0), (b"drms", 0), (b"enca", 1), (b"drms", 1), (b"encs", 1)]
)
async def test_what_is_encrypted_is_told(kind: bytes, nth: int, small: bytes) -> None:
    locked = changed(small, STBL + b"stsd", lambda c: c[:12] + kind + c[16:], nth=nth)
    assert await refusal(locked) == ("encrypted", kind.decode())


@pytest.mark.parametrize(
    ("box", "change"),
    [
        (b"moov/trak/mdia/mdhd", lambda c: c[:12] + bytes(4) + c[16:]),
        (b"moov/trak/mdia/minf", lambda _: b""),
        (STBL + b"stsd", lambda _: b""),
    ],
)
async def test_track_that_is_neither_seen_nor_heard_keeps_nothing_from_playing(
    box: bytes, change: Change, small: bytes
) -> None:
    helper = changed(changed(small, box, change, nth=1), b"moov/trak/mdia/hdlr", lambda c: _handled(c, b"meta"), nth=1)
    assert (await read_mp4(MemorySource(helper))).audio is False
    if b"stsd" not in box:
        assert (await refusal(changed(small, box, change, nth=1)))[0] == "damaged"


def _handled(content: bytes, by: bytes) -> bytes:
    return content[:8] + by + content[12:]


async def test_of_several_descriptions_the_smallest_that_is_used_is_measured(small: bytes) -> None:
    """The second is of 160x90, and of MPEG-4 that says nothing else of its size."""
    entry = box(b"mp4v", bytes(24) + numbers([160, 90], "H") + bytes(50))
    both = changed(small, STBL + b"stsd", lambda c: numbers([0, 2]) + c[8:] + entry)
    assert (await read_mp4(MemorySource(both))).coded == Pixels(320, 180)
    assert await _size(both, [1, 1, 1, 10, 1, 2]) == Pixels(320, 180)
    assert await _size(both, [1, 1, 1, 9, 1, 2]) == Pixels(160, 90)
    assert await _size(both, [1, 1, 2]) == Pixels(160, 90)
    assert await _size(both, [1, 1, 9]) == Pixels(320, 180)


async def _size(data: bytes, shared: list[int]) -> Pixels:
    """What is measured where the chunks are of so many samples and of those descriptions."""
    rows = numbers([0, len(shared) // 3, *shared])
    return (await read_mp4(MemorySource(changed(data, STBL + b"stsc", lambda _: rows)))).coded


async def test_deflated_index_of_quicktime_is_read(small: bytes) -> None:
    at = small.index(b"moov") - 4
    movie, before = small[at:], small[:at]
    packed = numbers([len(movie)]) + zlib.compress(movie)
    deflated = before + box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", packed)))
    assert await read_mp4(MemorySource(deflated)) == await read_mp4(MemorySource(small))
    broken = before + box(b"moov", box(b"cmov", box(b"dcom", b"zlib") + box(b"cmvd", bytes(50))))
    assert (await refusal(broken))[0] == "damaged"


async def test_64_bit_boxes_and_offsets_are_read(small: bytes) -> None:
    wide = changed(
        small, STBL + b"stco", lambda c: c[:8] + numbers([n for (n,) in struct.iter_unpack(">I", c[8:])], "Q")
    )
    wide = renamed(wide, STBL + b"stco", b"co64")
    at = wide.index(b"\0\0\0\x08free")
    size = int.from_bytes(wide[at + 8 : at + 12], "big")
    wide = wide[:at] + numbers([1]) + b"mdat" + numbers([size + 8], "Q") + wide[at + 16 :]
    assert await read_mp4(MemorySource(wide)) == await read_mp4(MemorySource(small))


async def test_index_in_the_middle_is_read(small: bytes) -> None:
    more = small + box(b"free", bytes(20)) + box(b"mdat", bytes(2000))
    assert await read_mp4(MemorySource(more)) == await read_mp4(MemorySource(small))


async def test_half_sizes_of_samples_are_read(small: bytes) -> None:
    def compact(content: bytes) -> bytes:
        sizes = [n for (n,) in struct.iter_unpack(">I", content[12:])]
        return bytes(7) + b"\x10" + numbers([len(sizes)]) + numbers(sizes, "H")

    half = renamed(changed(small, STBL + b"stsz", compact), STBL + b"stsz", b"stz2")
    assert await read_mp4(MemorySource(half)) == await read_mp4(MemorySource(small))


async def test_samples_whose_length_is_not_told_last_as_long_as_the_one_before(small: bytes) -> None:
    few = changed(small, STBL + b"stts", lambda c: c[:4] + numbers([1, 7]) + c[12:])
    assert few != small
    assert await read_mp4(MemorySource(few)) == await read_mp4(MemorySource(small))


@pytest.mark.parametrize(
    ("edits", "lasts"),
    [
        ([(500, 0)], 0.5),
        ([(500, -1), (1000, 0)], 1.0),
        ([(300, 0), (300, 5120)], 0.6),
        ([(1000, 5120)], 0.5),
        ([(9000, 0)], 1.0),
        ([(1000, 0), (1000, 0)], 1.0),
        ([(0, 5120)], 0.5),
        ([(1000, 10**6)], 0.0),
    ],
)
async def test_edits_show_no_more_than_there_is(small: bytes, edits: list[tuple[int, int]], lasts: float) -> None:
    rows = b"".join(struct.pack(">IiI", *edit, 0x10000) for edit in edits)
    data = changed(small, b"moov/trak/edts/elst", lambda _: bytes(4) + numbers([len(edits)]) + rows)
    assert (await read_mp4(MemorySource(data))).duration.total_seconds() == lasts


@pytest.mark.parametrize(
    ("matrix", "size", "shown"),
    [
        ([1, 0, 0, 1], (320, 180), Pixels(320, 180)),
        ([0, 1, -1, 0], (320, 180), Pixels(180, 320)),
        ([-1, 0, 0, -1], (320, 180), Pixels(320, 180)),
        ([0, 1, 1, 0], (320, 180), Pixels(180, 320)),
        ([2, 0, 0, 1], (320, 180), Pixels(640, 180)),
        ([0, 2, -1, 0], (320, 180), Pixels(180, 640)),
        ([1, 0, 0, 1], (427, 180), Pixels(427, 180)),
        ([1, 0, 0, 1], (0, 0), Pixels(320, 180)),
        ([1, 0, 0, 1], (1920, 1080), Pixels(320, 180)),
    ],
)
async def test_track_header_turns_and_stretches(
    small: bytes, matrix: list[int], size: tuple[int, int], shown: Pixels
) -> None:
    a, b, c, d = matrix
    turned = numbers([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], "i")
    data = changed(small, b"moov/trak/tkhd", lambda h: h[:40] + turned + numbers([n << 16 for n in size]))
    data = changed(data, STBL + b"stsd", lambda c: c.replace(b"pasp", b"none"))
    assert (await read_mp4(MemorySource(data))).shown == shown


async def test_pixel_aspect_box_wins(small: bytes) -> None:
    pasp = box(b"pasp", numbers([4, 3]))
    data = changed(small, STBL + b"stsd", lambda c: c.replace(box(b"pasp", numbers([1, 1])), pasp))
    assert (await read_mp4(MemorySource(data))).shown == Pixels(427, 180)


@pytest.mark.parametrize(
    ("wide", "high", "told"),
    [(2**32 - 1, 1, "320x180 × 4.29e+09:1"), (1, 2**32 - 1, "320x180 × 2.33e-10:1"), (33, 1, "320x180 × 33:1")],
)
async def test_pixel_aspect_that_no_picture_has_is_absurd(small: bytes, wide: int, high: int, told: str) -> None:
    pasp = box(b"pasp", numbers([wide, high]))
    data = changed(small, STBL + b"stsd", lambda c: c.replace(box(b"pasp", numbers([1, 1])), pasp))
    assert await refusal(data) == ("absurd", told)
