"""Videos whose pictures are there, and ones whose bytes are none."""

import random
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook import Slot
from contracts.rulebook.material import FileContainer
from services.media.inspect.decode import decodes, photo_decodes
from services.media.inspect.models import Fault
from services.media.inspect.mp4 import read_movie
from services.media.inspect.probe import measure
from services.media.inspect.source import Blocks
from services.media.inspect.tools import ToolMissing
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.atoms import STBL, changed, numbers
from tests.unit.media.inspect.memory import BrokenSource, MemorySource

PICTURE = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=10:duration=3"]
CODERS = {
    "h264": ["-c:v", "libx264", "-g", "10"],
    "hevc": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=10"],
    "av1": ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "10"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "10"],
    "mpeg4": ["-c:v", "mpeg4", "-g", "10"],
}
"""Three seconds of 320x180, decoding can begin at each of them."""


@pytest.fixture(scope="session")
def films(folder: Path) -> dict[str, bytes]:
    return {
        name: ffmpeg(*PICTURE, *coder, folder / f"decode-{name}.mp4").read_bytes() for name, coder in CODERS.items()
    }


async def spoilt(data: bytes, first: int, last: int, seed: int | None = None) -> bytes:
    """The film with some samples overwritten, by noise where there is a seed, else by zeros."""
    samples = (await read_movie(MemorySource(data))).track.samples
    broken = bytearray(data)
    for number in range(first, min(last, len(samples.sizes))):
        at, size = samples.place(number)
        broken[at : at + size] = bytes(size) if seed is None else random.Random(seed).randbytes(size)
    return bytes(broken)


@pytest.mark.parametrize("codec", CODERS)
async def test_film_of_each_codec_decodes_and_a_spoilt_start_does_not(codec: str, films: dict[str, bytes]) -> None:
    assert await decodes(MemorySource(films[codec]), "a.mp4") is None
    broken = await spoilt(films[codec], 0, 6)
    assert await decodes(MemorySource(broken), "a.mp4") == Fault("undecodable", f"{codec} @ 0:00", "a.mp4")


@pytest.mark.parametrize(("first", "last", "at"), [(10, 20, "0:01"), (20, 30, "0:02"), (10, 30, "0:01, 0:02")])
async def test_film_spoilt_later_says_where(first: int, last: int, at: str, films: dict[str, bytes]) -> None:
    broken = await spoilt(films["h264"], first, last, seed=4)
    assert await decodes(MemorySource(broken)) == Fault("undecodable", f"h264 @ {at}")


async def test_film_that_begins_between_its_key_pictures_is_undecodable(films: dict[str, bytes]) -> None:
    samples = (await read_movie(MemorySource(films["h264"]))).track.samples
    at, size = samples.place(0)
    headless = bytearray(films["h264"])
    headless[at : at + size] = b"\0\0\0\x02\x09\x10" + (size - 10).to_bytes(4, "big") + b"\x0c" + b"\xff" * (size - 11)
    assert await decodes(MemorySource(bytes(headless))) == Fault("undecodable", "h264 @ 0:00")


async def test_pictures_smaller_than_declared_are_told(films: dict[str, bytes]) -> None:
    size = numbers([1920 << 16 | 1080])
    flattered = changed(films["vp9"], STBL + b"stsd", lambda c: c[:40] + size + c[44:])
    assert await decodes(MemorySource(flattered)) == Fault("picture", "320x180 ≠ 1920x1080")


async def test_pictures_larger_than_any_are_not_tried(films: dict[str, bytes]) -> None:
    size = numbers([65535 << 16 | 65535])
    bomb = changed(films["vp9"], STBL + b"stsd", lambda c: c[:40] + size + c[44:])
    assert await decodes(MemorySource(bomb)) == Fault("absurd", "65535x65535")


async def test_missing_decoder_is_no_verdict(films: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(ToolMissing):
        await decodes(MemorySource(films["h264"]))


async def test_little_is_read(clip: Path) -> None:
    source = MemorySource(clip.read_bytes())  # noqa: ASYNC240 # a small file
    assert await decodes(Blocks(source)) is None
    assert source.requests <= 6


async def test_verdict_is_the_same_every_time(films: dict[str, bytes]) -> None:
    broken = await spoilt(films["h264"], 0, 30, seed=9)
    assert len({await decodes(MemorySource(broken)) for _ in range(3)}) == 1


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


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        *[(kind, None) for kind in ("plain", "yuvj444p", "gray", "trailing")],
        ("cut", "truncated"), ("noise", "flawed"), ("no tables", "undecodable"),
    ],
)  # fmt: skip
async def test_photograph_is_decoded_whole(kind: str, code: str | None, photos: dict[str, bytes]) -> None:
    fault = await photo_decodes(MemorySource(photos[kind]), "a.jpg")
    assert (fault and fault.code) == code


async def test_photograph_of_a_thousand_scans_is_not_decoded_to_its_end(photos: dict[str, bytes]) -> None:
    data = photos["gray"]
    at = data.index(b"\xff\xda")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    scan = data[at : at + 2 + length]
    bomb = data[:at].replace(b"\xff\xc0", b"\xff\xc2") + (scan[:-3] + b"\1\5\0" + b"\0") * 1000 + b"\xff\xd9"
    fault = await photo_decodes(MemorySource(bomb))
    assert fault is not None
    assert fault.code == "undecodable"


async def test_store_that_fails_is_no_verdict_on_a_photograph(photos: dict[str, bytes]) -> None:
    with pytest.raises(ConnectionError):
        await photo_decodes(BrokenSource(photos["plain"], 5000))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_package_is_tried_file_by_file(
    method: int, films: dict[str, bytes], photos: dict[str, bytes], slots: dict[str, Slot]
) -> None:
    kinds = {"一.jpg": "plain", "二.jpg": "no tables", "三.jpg": "noise"}
    whole: dict[str | bytes, bytes] = {"片.mp4": films["h264"]}
    broken: dict[str | bytes, bytes] = {"夹/片.mp4": await spoilt(films["h264"], 0, 6)}
    case: dict[str | bytes, bytes] = {name: photos[kind] for name, kind in kinds.items()}
    for slot, members, found in (
        ("video", whole, []),
        ("video", broken, [("undecodable", "夹/片.mp4")]),
        ("case", case, [("undecodable", "二.jpg"), ("flawed", "三.jpg")]),
    ):
        source = MemorySource(zipped(members, method))
        facts = await measure(source, slots[slot])
        assert [(fault.code, fault.file) for fault in facts.faults] == found


@pytest.mark.parametrize(("method", "found"), [(zipfile.ZIP_STORED, ["h264 @ 0:01"]), (zipfile.ZIP_DEFLATED, [])])
async def test_deflated_film_is_tried_at_its_start_only(
    method: int, found: list[str], films: dict[str, bytes], slots: dict[str, Slot]
) -> None:
    source = MemorySource(zipped({"片.mp4": await spoilt(films["h264"], 10, 20, seed=4)}, method))
    assert [fault.measured for fault in (await measure(source, slots["video"])).faults] == found


async def test_file_that_is_no_archive_is_tried_itself(films: dict[str, bytes], slots: dict[str, Slot]) -> None:
    slot = slots["video"].model_copy(update={"container": FileContainer(kind="file")})
    source = MemorySource(await spoilt(films["h264"], 0, 6))
    facts = await measure(source, slot, "片.mp4")
    assert [(fault.code, fault.file) for fault in facts.faults] == [("undecodable", "片.mp4")]
