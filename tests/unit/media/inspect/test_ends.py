"""The first look at a long deflated video: by its two ends, or by every byte where they do not say enough."""

import random
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from isal import isal_zlib
from zlib_ng import zlib_ng

from contracts.rulebook import Slot
from services.media.inspect import ends
from services.media.inspect.ends import Ends, OutOfReach, unpack_end
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import LONG, measure, measure_first
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import MemorySource

NOISE = random.Random(5).randbytes(2**20)
PALE = bytes(byte & 0x7F for byte in NOISE)
"""Noise of which a deflater can save an eighth, by codes alone, as of video."""
TEXT = b"".join(b"%d %d\n" % (number, number * number) for number in range(6_000))
LONG_TEXT = b"".join(b"%d %d\n" % (number, number * number) for number in range(100_000))
END = ends.SEARCH + ends.SETTLE + 2**16


def written(data: bytes, level: int = 6) -> bytes:
    deflater = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def by_isal(data: bytes) -> bytes:
    return bytes(isal_zlib.compress(data, 3, -isal_zlib.MAX_WBITS))


def by_zlib_ng(data: bytes) -> bytes:
    return bytes(zlib_ng.compress(data, 9, -zlib_ng.MAX_WBITS))


WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "zlib 1": lambda data: written(data, 1),
    "zlib 6": written,
    "zlib 9": lambda data: written(data, 9),
    "stored": lambda data: written(data, 0),
    "zlib-ng": by_zlib_ng,
    "isal": by_isal,
}


@pytest.mark.parametrize("data", [PALE + TEXT, NOISE + TEXT], ids=["codes", "noise"])
@pytest.mark.parametrize("writer", WRITERS)
def test_end_of_a_stream_is_unpacked_without_its_beginning(writer: str, data: bytes) -> None:
    back = unpack_end(WRITERS[writer](data)[-END:])
    assert back is not None
    wanted = len(TEXT)
    assert back.read(back.size - wanted, wanted) == data[-wanted:]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_certain_is_what_lies_there(seed: int) -> None:
    dice = random.Random(seed)
    kinds = (NOISE, PALE, LONG_TEXT, bytes(2**15))
    parts = [(kind, dice.randrange(len(kind))) for kind in dice.choices(kinds, k=30)]
    data = b"".join(kind[at : at + dice.randrange(2**16)] for kind, at in parts)
    packed = written(data, dice.randrange(1, 10))
    back = unpack_end(packed[-dice.randrange(2**17, 2**19) :])
    assert back is not None
    assert len(back.zeros) == len(back.ones) <= len(data)
    pairs = zip(back.zeros, back.ones, data[-back.size :], strict=True)
    assert all(byte == zero for zero, one, byte in pairs if zero == one)


def test_bytes_that_hang_on_what_came_before_are_out_of_reach() -> None:
    back = unpack_end(written(LONG_TEXT)[-END:])
    assert back is not None
    assert back.zeros != back.ones
    with pytest.raises(OutOfReach):
        back.read(0, back.size)


@pytest.mark.parametrize(
    "packed", [bytes(END), NOISE[:END], b"\xff\xff\0\0" * (END // 4), b"\x24\x49\x93" * (END // 3)]
)
def test_what_has_no_blocks_has_no_end(packed: bytes) -> None:
    assert unpack_end(packed) is None


def test_stream_that_does_not_end_with_the_member_has_no_end() -> None:
    packed = written(PALE)
    assert unpack_end(packed[-END:]) is not None
    assert unpack_end(packed[-END:] + b"\0") is None
    assert unpack_end(packed[-END:-1]) is None


async def test_damage_between_the_ends_is_found_by_the_second_look(film: bytes, slots: dict[str, Slot]) -> None:
    package = packed(filled(film, FILL))
    at = len(package) // 2
    first, whole = await both(MemorySource(package[:at] + bytes(100) + package[at + 100 :]), slots["video"])
    assert (first.faults, first.complete) == ((), False)
    assert whole.faults
    assert whole.complete


async def test_middle_is_out_of_reach() -> None:
    source = Ends(MemorySource(written(PALE * 10)), len(PALE) * 10)
    assert await source.read(ends.REACH - 5, 5) == PALE[-5:]
    assert await source.read(source.size - 5, 5) == PALE[-5:]
    with pytest.raises(OutOfReach):
        await source.read(ends.REACH, 5)


@pytest.fixture(scope="module")
def film(clip: Path) -> bytes:
    return clip.read_bytes()


def filled(film: bytes, fill: bytes) -> bytes:
    """A film with a box nobody looks into before its index."""
    at = film.index(b"moov") - 4
    return film[:at] + (8 + len(fill)).to_bytes(4, "big") + b"free" + fill + film[at:]


def packed(film: bytes) -> bytes:
    return zipped({"片.mp4": film}, zipfile.ZIP_DEFLATED)


async def both(source: MemorySource, slot: Slot) -> tuple[PackageFacts, PackageFacts]:
    return await measure_first(source, slot), await measure(MemorySource(source.data), slot)


FILL = PALE * (2 * LONG // len(PALE))


async def test_long_film_has_its_first_verdict_by_its_ends(film: bytes, slots: dict[str, Slot]) -> None:
    source = MemorySource(packed(filled(film, FILL)))
    first, whole = await both(source, slots["video"])
    assert (first.files, first.faults, first.complete) == (whole.files, (), False)
    assert source.fetched < source.size / 10


async def test_index_at_the_front_needs_no_end(film: bytes, folder: Path, clip: Path, slots: dict[str, Slot]) -> None:
    front = ffmpeg("-i", clip, "-c", "copy", "-movflags", "faststart", folder / "front.mp4").read_bytes()
    source = MemorySource(packed(front + (8 + len(FILL)).to_bytes(4, "big") + b"free" + FILL))
    first, whole = await both(source, slots["video"])
    assert (first.files, first.complete) == (whole.files, False)


@pytest.mark.parametrize("wrong", ["in the middle", "damaged", "not allowed"])
async def test_every_byte_is_read_where_the_ends_do_not_say_that_all_is_well(
    film: bytes, folder: Path, wrong: str, slots: dict[str, Slot]
) -> None:
    if wrong == "not allowed":
        small = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=5", "-t", "1"]
        film = ffmpeg(*small, folder / "small.mp4").read_bytes()
    data = filled(film, FILL)
    if wrong == "in the middle":
        data += (8 + len(FILL)).to_bytes(4, "big") + b"free" + FILL
    package = packed(data)
    if wrong == "damaged":
        at = len(package) - 1_000
        package = package[:at] + bytes(100) + package[at + 100 :]
    first, whole = await both(MemorySource(package), slots["video"])
    assert first == whole
    assert first.complete
