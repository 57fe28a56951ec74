"""How far a package was read, as those who wait for it are told."""

import pytest

from services.media.materials.passes import Followed
from services.media.queue.working import Reading
from tests.unit.media.inspect.memory import MemorySource

SIZE = 1000


@pytest.mark.parametrize(("again", "read", "decoded"), [(0, 100, 100), (9, 10, 55)])
async def test_share_told_is_that_of_all_the_reading_there_is(again: int, read: int, decoded: int) -> None:
    reading = Reading()
    source, told = Followed(MemorySource(bytes(SIZE), chunk=100), reading, again), list[int | None]()
    await source.read(0, SIZE)
    told.append(reading.percent)
    async for _ in source.stream(0, SIZE):
        told.append(reading.percent)
    assert told == [0, *(read * n // 10 for n in range(1, 11))]
    for start in (400, 0):
        await source.read(start, 100)
        assert reading.percent == decoded
