"""What decoding photographs may cost, whatever they claim."""

from pathlib import Path

import pytest

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.decode import Budget
from services.media.inspect.models import Fault
from services.media.inspect.photos import photo_decodes
from services.media.inspect.png import png_decodes
from services.media.inspect.probe import measure, measure_first
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.jpegs import coded_as, with_size
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.pngs import END, pixels, png

COUNTS = 1280 * 960
"""Pixels of the photograph."""


@pytest.fixture(scope="module")
def photo(jpeg: Path) -> bytes:
    return jpeg.read_bytes()


async def fault_of(data: bytes, budget: Budget) -> tuple[str, str] | None:
    fault = await photo_decodes(MemorySource(data), "a.jpg", budget)
    return (fault.code, fault.measured) if fault else None


async def test_photograph_of_a_thousand_scans_is_not_decoded(photo: bytes) -> None:
    at = photo.index(b"\xff\xda")
    scan = photo[at : at + 2 + int.from_bytes(photo[at + 2 : at + 4], "big")]
    bomb = photo[:at].replace(b"\xff\xc0", b"\xff\xc2") + (scan[:-3] + b"\1\5\0" + b"\0") * 1000 + b"\xff\xd9"
    assert await fault_of(bomb, Budget(0)) == ("absurd", "> 100 遍 scans")


async def test_large_photograph_of_many_scans_is_not_decoded(jpeg: Path, folder: Path) -> None:
    script = folder / "many-scans.txt"
    bands = ["1-1", "2-2", "3-3", "4-4", "5-5", "6-63"]
    script.write_text(
        "0,1,2: 0-0, 0, 0;" + "".join(f"{colour}: {band}, 0, 0;" for colour in range(3) for band in bands)
    )
    data = coded_as(jpeg, "-scans", script)
    large = with_size(data, 16_000, 12_000)
    assert await fault_of(data, Budget(0)) is None
    assert await fault_of(large, Budget(0)) == ("absurd", f"16000x12000, 19 遍 scans, {len(large)} B")


async def test_photographs_of_a_package_may_cost_so_much_together(photo: bytes) -> None:
    cost = COUNTS + 3 * len(photo)
    budget = Budget(0, 2 * cost)
    assert [await fault_of(photo, budget) for _ in range(3)] == [
        *(None, None),
        ("absurd", "图片共 pictures altogether > 12,000,000,000 px"),
    ]
    assert not budget.put_off


async def test_progressive_photograph_costs_its_scans(jpeg: Path) -> None:
    data = coded_as(jpeg, "-progressive")
    scans, budget = data.count(b"\xff\xda"), Budget(0)
    assert await fault_of(data, budget) is None
    assert bounds.PICTURES - budget.pictures == COUNTS * (6 + scans) + 3 * len(data)


async def test_what_is_put_off_is_not_decoded_and_takes_nothing(photo: bytes) -> None:
    budget = Budget(0, COUNTS, partly=False)
    assert await fault_of(photo[:5000] + b"\xff\xd9", budget) is None
    assert (budget.put_off, budget.pictures) == (True, COUNTS)


async def test_rows_of_a_png_are_counted() -> None:
    data, budget = png(40, 30, 8, 0, pixels(29 * 41), END), Budget(0, 30 * 41, partly=False)
    fault = await png_decodes(MemorySource(data), "a.png", budget)
    assert (fault and fault.code, budget.pictures) == ("undecodable", 0)
    assert await png_decodes(MemorySource(data), "a.png", budget) is None
    assert budget.put_off


async def test_photographs_that_take_time_are_decoded_after_the_first_verdict(
    photo: bytes, slots: dict[str, Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = photo[: len(photo) // 2] + b"\xff\xd9"
    package = MemorySource(zipped({"一.jpg": photo, "二.jpg": cut}))
    expected = (Fault("truncated", "只有 only 65 %", "二.jpg"),)
    at_once = await measure_first(package, slots["case"])
    assert (at_once.complete, at_once.faults) == (True, expected)
    monkeypatch.setattr(bounds, "QUICK", COUNTS)
    first = await measure_first(package, slots["case"])
    assert (first.complete, first.sha256, first.faults) == (False, at_once.sha256, ())
    whole = await measure(package, slots["case"])
    assert (whole.complete, whole.faults, whole.files) == (True, expected, first.files)
