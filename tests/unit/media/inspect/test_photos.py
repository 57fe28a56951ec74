"""Photographs whose pictures are there, and ones whose bytes are none."""

import random
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.decode import Budget
from services.media.inspect.models import Fault
from services.media.inspect.photos import photo_decodes
from services.media.inspect.probe import measure
from services.media.inspect.source import Source
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.jpegs import coded_as, with_size
from tests.unit.media.inspect.memory import BrokenSource, MemorySource


@pytest.fixture(scope="session")
def photos(folder: Path, jpeg: Path) -> dict[str, bytes]:
    """One photograph in the ways cameras and programs write it."""
    plain = jpeg.read_bytes()
    half = len(plain) // 2
    coded = {kind: ["-pix_fmt", kind] for kind in ("yuvj444p", "gray")}
    made = {kind: ffmpeg("-i", jpeg, *how, folder / f"{kind}.jpg").read_bytes() for kind, how in coded.items()}
    return made | {
        "plain": plain,
        "trailing": plain + b"\0\0\0\x18ftypmp42" + random.Random(1).randbytes(200_000),
        "cut": plain[:half],
        "noise": plain[:half] + b"\x55" * 4000 + plain[half + 4000 :],
        "no tables": plain.replace(b"\xff\xdb", b"\xff\xfe"),
    }


def strayed(data: bytes) -> bytes:
    """The photograph with what some cameras leave after a segment."""
    at = 4 + int.from_bytes(data[4:6], "big")
    return data[:at] + b"\0\0\0" + data[at:]


def said(data: bytes, comment: bytes) -> bytes:
    """The photograph with a comment in it."""
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]


async def tried(source: Source) -> Fault | None:
    """What is wrong with a photograph that may cost what any may."""
    return await photo_decodes(source, "a.jpg", Budget(bounds.DECODED))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        *[(kind, None) for kind in ("plain", "yuvj444p", "gray", "trailing")],
        ("cut", "truncated"), ("noise", "flawed"), ("no tables", "undecodable"),
    ],
)  # fmt: skip
async def test_photograph_is_decoded_whole(kind: str, code: str | None, photos: dict[str, bytes]) -> None:
    fault = await tried(MemorySource(photos[kind]))
    assert (fault and fault.code) == code


@pytest.mark.parametrize(
    ("kind", "code"), [("plain", None), ("cut", "truncated"), ("noise", "flawed"), ("no tables", "undecodable")]
)
async def test_stray_bytes_between_segments_hide_nothing_that_follows(
    kind: str, code: str | None, photos: dict[str, bytes]
) -> None:
    fault = await tried(MemorySource(strayed(photos[kind])))
    assert (fault and fault.code) == code


async def test_comment_that_speaks_like_the_decoder_excuses_nothing(photos: dict[str, bytes]) -> None:
    excuse = b"Corrupt JPEG data: 3 extraneous bytes before marker 0xdb\n" * 500
    fault = await tried(MemorySource(said(photos["noise"], excuse)))
    assert fault is not None
    assert fault.code == "flawed"
    assert await tried(MemorySource(strayed(said(photos["plain"], excuse)))) is None


@pytest.mark.parametrize("kind", ["plain", "gray", "yuvj444p", "strayed"])
async def test_photograph_of_which_rows_never_came_is_cut_short(kind: str, photos: dict[str, bytes]) -> None:
    data = strayed(photos["plain"]) if kind == "strayed" else photos[kind]
    holed = [data[: len(data) * share // 100] + b"\xff\xd9" + bytes(20_000) for share in (5, 50, 90)]
    faults = [await tried(MemorySource(each)) for each in (*holed, with_size(data, 1280, 3840))]
    assert [fault and fault.code for fault in faults] == ["truncated"] * 4
    assert faults[3] is not None
    assert faults[3].measured == "只有 only 25 %"


async def test_photograph_that_lacks_a_few_blocks_is_flawed(photos: dict[str, bytes]) -> None:
    fault = await tried(MemorySource(with_size(photos["plain"], 1280, 970)))
    assert fault is not None
    assert fault.code == "flawed"


async def test_progressive_photograph_is_whole_with_all_its_scans(jpeg: Path) -> None:
    data = coded_as(jpeg, "-progressive")
    assert await tried(MemorySource(data)) is None
    *_, finest, last = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    for end in (finest, finest + 200, last):
        fault = await tried(MemorySource(data[:end] + b"\xff\xd9"))
        assert fault is not None
        assert (fault.code, fault.measured.endswith(" 遍 scans, 未完 unfinished")) == ("truncated", True)


async def test_photograph_without_one_of_its_colours_is_cut_short(jpeg: Path, folder: Path) -> None:
    script = folder / "scans.txt"
    script.write_text("0; 1; 2;")
    data = coded_as(jpeg, "-scans", script)
    assert await tried(MemorySource(data)) is None
    fault = await tried(MemorySource(data[: data.rindex(b"\xff\xda")] + b"\xff\xd9"))
    assert fault is not None
    assert (fault.code, fault.measured) == ("truncated", "2 遍 scans, 未完 unfinished")


async def test_store_that_fails_is_no_verdict_on_a_photograph(photos: dict[str, bytes]) -> None:
    with pytest.raises(ConnectionError):
        await tried(BrokenSource(photos["plain"], 5000))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_package_is_tried_file_by_file(method: int, photos: dict[str, bytes], slots: dict[str, Slot]) -> None:
    kinds = {"一.jpg": "plain", "二.jpg": "no tables", "三.jpg": "noise"}
    case: dict[str | bytes, bytes] = {name: photos[kind] for name, kind in kinds.items()}
    facts = await measure(MemorySource(zipped(case, method)), slots["case"])
    assert [(fault.code, fault.file) for fault in facts.faults] == [("undecodable", "二.jpg"), ("flawed", "三.jpg")]
