"""Films decoded whole: every honest kind is, and what is damaged is told with its place."""

import struct
import zipfile
from pathlib import Path

import pytest

from contracts.rulebook import Level, Slot
from contracts.rulebook.limits import SoundLimit
from contracts.rulebook.material import FileContainer, VideoRules
from services.media.inspect import bounds
from services.media.inspect.decode import Budget, film_decodes
from services.media.inspect.mp4 import read_movie
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from services.media.inspect.tools import ToolMissing
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.atoms import STBL, Change, changed, numbers
from tests.unit.media.inspect.films import CUTS, KINDS, Harm, cut, faults, film, spoilt
from tests.unit.media.inspect.memory import BrokenSource, MemorySource


@pytest.mark.parametrize("kind", KINDS)
async def test_honest_film_is_decoded_whole(kind: str, folder: Path) -> None:
    assert await faults(film(kind, folder), heard=True) == []


@pytest.mark.parametrize("kind", CUTS)
async def test_film_cut_without_encoding_is_honest(kind: str, folder: Path) -> None:
    assert await faults(cut(kind, folder), heard=True) == []


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("h264.mp4", "h264 @ 0:02–0:04: 31 / 150"),
        ("hevc.mp4", "hevc @ 0:02–0:05: 60 / 150"),
        ("mpeg4.mp4", "mpeg4 @ 0:02–0:04: 31 / 150"),
        ("mpeg2.mp4", "mpeg2video @ 0:02–0:04: 30 / 150"),
    ],
)
async def test_stretch_that_is_lost_is_told_with_its_place(kind: str, found: str, folder: Path) -> None:
    broken = await spoilt(film(kind, folder), 60, 90)
    assert await faults(broken) == [("undecodable", found)]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
async def test_film_damaged_in_its_middle_before_it_was_packed_is_told(
    method: int, folder: Path, slots: dict[str, Slot]
) -> None:
    package = zipped({"片.mp4": await spoilt(film("h264.mp4", folder), 60, 90)}, method)
    facts = await measure(MemorySource(package), slots["video"])
    assert [(fault.code, fault.file, fault.measured) for fault in facts.faults] == [
        ("undecodable", "片.mp4", "h264 @ 0:02–0:04: 31 / 150")
    ]
    told = next(each for each in judge(facts, slots["video"]).findings if each.rule == "file.undecodable")
    assert (told.level, told.ok) == ("required", False)
    assert "有画面无法解码（h264 @ 0:02–0:04: 31 / 150）" in told.message.zh


@pytest.mark.parametrize("harm", ["zeros", "noise", "half"])
async def test_single_bad_picture_is_a_flaw(harm: Harm, folder: Path) -> None:
    assert await faults(await spoilt(film("h264.mp4", folder), 71, 72, harm)) == [
        ("flawed", "h264 @ 0:02–0:03: 1 / 150")
    ]


@pytest.mark.parametrize("kind", ["h264.mp4", "hevc.mp4", "av1.mp4", "vp9.mp4", "mpeg4.mp4"])
async def test_film_spoilt_at_its_start_is_undecodable(kind: str, folder: Path) -> None:
    [(code, measured)] = await faults(await spoilt(film(kind, folder), 0, 30, "noise"))
    assert (code, measured.partition(" @ ")[2][:5]) == ("undecodable", "0:00–")


async def test_film_of_noise_says_that_nothing_comes_of_it(folder: Path) -> None:
    assert await faults(await spoilt(film("h264.mp4", folder), 0, 150, "noise")) == [
        ("undecodable", "h264 @ 0:00–0:06: 150 / 150")
    ]


async def test_bad_pictures_all_over_a_film_are_more_than_a_flaw(folder: Path) -> None:
    data = film("mpeg4.mp4", folder)
    for number in range(5, 150, 9):
        data = await spoilt(data, number, number + 1)
    [(code, measured)] = await faults(data)
    assert (code, measured.partition(" @ ")[2]) == ("undecodable", "0:00–0:06: 17 / 150")


async def test_what_an_edit_list_cuts_off_is_not_held_against_a_film(folder: Path) -> None:
    data = film("h264.mp4", folder)
    movie = await read_movie(MemorySource(data))
    edited = changed(data, b"moov/trak/edts/elst", lambda _: numbers([0, 1, 4000, 2 * movie.track.timescale, 0x10000]))
    assert await faults(await spoilt(edited, 20, 35)) == []
    assert await faults(await spoilt(edited, 60, 90)) == [("undecodable", "h264 @ 0:00–0:02: 31 / 150")]
    late = changed(
        data, b"moov/trak/edts/elst", lambda _: struct.pack(">2I2iI2iI", 0, 2, 3000, -1, 0x10000, 6000, 1024, 0x10000)
    )
    assert await faults(await spoilt(late, 60, 90)) == [("undecodable", "h264 @ 0:05–0:07: 31 / 150")]


@pytest.mark.parametrize(("heard", "code"), [(True, "undecodable-sound"), (False, "flawed-sound")])
async def test_sound_that_is_lost_is_told_with_its_place(heard: bool, code: str, folder: Path) -> None:
    broken = await spoilt(film("h264.mp4", folder), 100, 140, "noise", sound=True)
    assert await faults(broken, heard) == [(code, "aac @ 0:02–0:03")]
    assert await faults(await spoilt(film("h264.mp4", folder), 100, 102, "noise", sound=True), heard) == []
    ended = await spoilt(film("h264.mp4", folder), 200, 282, "zeros", sound=True)
    assert await faults(ended, heard) == [(code, "aac @ 0:04–0:06")]
    edited = changed(broken, b"moov/trak/edts/elst", lambda _: numbers([0, 1, 4000, 2 * 48000, 0x10000]), nth=1)
    assert await faults(edited, heard) == [(code, "aac @ 0:00–0:01")]


def told(header: bytes) -> Change:
    """A change of what a description of AAC tells the decoder (ISO/IEC 14496-3, 1.6.2.1)."""

    def change(described: bytes) -> bytes:
        at = described.index(b"\x05\x80\x80\x80") + 5
        return described[:at] + header + described[at + len(header) :]

    return change


def of_another_kind(described: bytes) -> bytes:
    return described.replace(b"mp4a", b"mhm1")


@pytest.mark.parametrize(
    ("change", "heard", "found"),
    [
        (told(b"\x16\x88"), True, [("undecodable-sound", "aac @ 0:00–0:06")]),
        (told(b"\0\0"), False, [("flawed-sound", "aac @ 0:00–0:06")]),
        (told(b"\x11\xf8"), True, [("undecodable-sound", "aac @ 0:00–0:06")]),
        (told(b"\xf9\x40"), True, [("sound-coding", "aac-42")]),
        (lambda described: described[:20], True, [("undecodable-sound", "stsd")]),
        (of_another_kind, True, [("sound-coding", "mhm1")]),
    ],
)
async def test_description_of_the_sound_is_tried_too(
    change: Change, heard: bool, found: list[tuple[str, str]], folder: Path
) -> None:
    broken = changed(film("h264.mp4", folder), STBL + b"stsd", change, nth=1)
    assert await faults(broken, heard) == found
    both = await spoilt(broken, 60, 90)
    assert set(await faults(both, heard)) == {("undecodable", "h264 @ 0:02–0:04: 31 / 150"), *found}


async def test_sound_is_required_where_the_rulebook_says_so(folder: Path, slots: dict[str, Slot]) -> None:
    broken = await spoilt(film("h264.mp4", folder), 0, 280, "noise", sound=True)
    levels: dict[Level, str] = {"required": "undecodable-sound", "advice": "flawed-sound"}
    for level, code in levels.items():
        video = slots["video"].video
        assert isinstance(video, VideoRules)
        part = video.model_copy(update={"sound": SoundLimit(level=level)})
        slot = slots["video"].model_copy(update={"rules": (part,)})
        facts = await measure(MemorySource(zipped({"片.mp4": broken})), slot)
        assert [fault.code for fault in facts.faults] == [code]
        assert [each.level for each in judge(facts, slot).findings if each.rule == f"file.{code}"] == [level]


async def test_pictures_smaller_than_declared_are_told(folder: Path) -> None:
    size = numbers([1920 << 16 | 1080])
    flattered = changed(film("vp9.mp4", folder), STBL + b"stsd", lambda c: c[:40] + size + c[44:])
    assert await faults(flattered) == [("picture", "320x180 ≠ 1920x1080")]


async def test_pictures_that_become_smaller_on_the_way_are_told(folder: Path) -> None:
    """The codec's own headers lie among the pictures too, and say another size from the seventh second on."""
    for name, size, lasts in (("large", "320x180", 6), ("small", "160x90", 2), ("brief", "160x90", 0.4)):
        picture = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25:duration={lasts}")
        ffmpeg(*picture, "-c:v", "libx264", "-bf", "0", "-f", "h264", folder / f"{name}.h264")
    for second, found in (("small", [("picture", "160x90 ≠ 320x180")]), ("brief", [])):
        stream = folder / f"large-{second}.h264"
        stream.write_bytes(b"".join((folder / f"{each}.h264").read_bytes() for each in ("large", second)))
        joined = ffmpeg("-r", "25", "-i", stream, "-c", "copy", folder / f"large-{second}.mp4").read_bytes()
        assert await faults(joined) == found


@pytest.mark.parametrize(
    ("kind", "called", "found"),
    [
        ("h264.mp4", b"avb1", [("undecodable", "stsd: avb1")]),
        ("h264.mp4", bytes(4), [("undecodable", "stsd: ?")]),
        ("mpeg4.mp4", b"vvc1", []),
        ("intra.mp4", b"x264", []),
    ],
)
async def test_codec_that_no_decoder_knows_is_told(
    kind: str, called: bytes, found: list[tuple[str, str]], folder: Path
) -> None:
    data = changed(film(kind, folder), STBL + b"stsd", lambda c: c[:12] + called + c[16:].replace(b"esds", b"none"))
    assert await faults(data) == found


async def test_pictures_larger_than_any_are_not_tried(folder: Path) -> None:
    size = numbers([65535 << 16 | 65535])
    bomb = changed(film("vp9.mp4", folder), STBL + b"stsd", lambda c: c[:40] + size + c[44:])
    assert await faults(bomb) == [("absurd", "65535x65535")]


async def test_missing_decoder_is_no_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    with pytest.raises(ToolMissing):
        await faults(film("h264.mp4", folder))


async def test_decoder_that_says_nothing_we_know_is_no_verdict(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/bin/true")
    with pytest.raises(ToolMissing, match="another kind"):
        await faults(film("h264.mp4", folder))


async def test_store_that_fails_is_no_verdict_on_a_film(folder: Path) -> None:
    data = film("fragments.mp4", folder)
    whole = await read_movie(MemorySource(data))
    assert whole.track.samples.sizes
    with pytest.raises(ConnectionError):
        await film_decodes(Failing(data), None, Budget(bounds.DECODED), heard=False)


class Failing(BrokenSource):
    """A store that fails once the index was read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data, len(data))

    async def read(self, start: int, length: int) -> bytes:
        if length > 10_000 and start > 0:
            raise ConnectionError("the store is gone")
        return await super().read(start, length)


@pytest.mark.parametrize("harm", ["zeros", "noise", "bit"])
async def test_verdict_is_the_same_every_time(harm: Harm, folder: Path) -> None:
    broken = await spoilt(film("h264.mp4", folder), 20, 120, harm)
    broken = await spoilt(broken, 50, 200, harm, sound=True)
    assert len({tuple(await faults(broken, heard=True)) for _ in range(3)}) == 1


async def test_file_that_is_no_archive_is_decoded_itself(folder: Path, slots: dict[str, Slot]) -> None:
    slot = slots["video"].model_copy(update={"container": FileContainer(kind="file")})
    facts = await measure(MemorySource(await spoilt(film("h264.mp4", folder), 0, 30)), slot, "片.mp4")
    assert [(fault.code, fault.file) for fault in facts.faults] == [("undecodable", "片.mp4")]
