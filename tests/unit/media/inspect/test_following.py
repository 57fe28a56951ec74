"""How far a look is, as those who wait for it are told: by what was read, and by what went into the decoder."""

from pathlib import Path

import pytest

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.decode import Budget
from services.media.materials.passes import DECODING, PASSES, Followed
from services.media.queue.working import Reading
from tests.data.make_rars import Member, rar5
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.films import faults, film, spoilt
from tests.unit.media.inspect.memory import MemorySource

SIZE = 1000


@pytest.mark.parametrize(("decoder", "read", "decoded"), [(0, 100, 100), (9, 10, 55)])
async def test_share_told_is_that_of_all_the_reading_and_decoding_there_is(
    decoder: int, read: int, decoded: int
) -> None:
    reading = Reading()
    source, told = Followed(MemorySource(bytes(SIZE), chunk=100), reading, decoder), list[int | None]()
    await source.read(0, SIZE)
    told.append(reading.percent)
    async for _ in source.stream(0, SIZE):
        told.append(reading.percent)
    assert told == [0, *(read * n // 10 for n in range(1, 11))]
    source.decoded(SIZE // 2)
    async for _ in source.stream(400, 100):  # a picture that was not kept
        assert reading.percent == decoded


@pytest.mark.parametrize("kind", ["zip", "rar", "packed rar"])
async def test_second_look_is_nearly_over_when_its_film_is_decoded(
    kind: str, folder: Path, slots: dict[str, Slot]
) -> None:
    data, reading = film("mjpeg.mov", folder), Reading()
    package = zipped({"片.mp4": data}) if kind == "zip" else rar5(Member("片.mp4".encode(), data, kind != "rar"))
    await PASSES.whole(Followed(MemorySource(package), reading, DECODING), slots["video"], "")
    assert 90 < (reading.percent or 0) <= 100


async def test_what_is_decoded_twice_to_be_sure_is_counted_once(folder: Path) -> None:
    told = list[int]()
    broken = await spoilt(film("h264.mp4", folder), 60, 90)
    assert await faults(broken, budget=Budget(bounds.DECODED, hears=told.append))
    assert 0.9 * len(broken) < sum(told) <= len(broken)
