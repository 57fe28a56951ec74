"""Videos as ffmpeg makes them, measured against ffprobe."""

import json
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contracts.rulebook import Slot
from contracts.rulebook.measures import Pixels
from services.media.inspect.models import Damaged, Video
from services.media.inspect.mp4 import read_mp4
from services.media.inspect.probe import measure
from services.media.inspect.source import Blocks
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.archives import directory_at, in_both, in_end, zipped
from tests.unit.media.inspect.atoms import STBL, changed
from tests.unit.media.inspect.memory import MemorySource, SparseSource

BARS = ["-f", "lavfi", "-i", "smptehdbars=size=640x360:rate=25"]
TONE = ["-f", "lavfi", "-i", "sine=frequency=440"]
X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
SMALL = ["-f", "lavfi", "-i", "testsrc=size=320x180:rate=10:duration=1"]
ODD = ["-f", "lavfi", "-i", "testsrc=size=318x178:rate=5:duration=0.6"]
QUIET265 = [
    "-preset",
    "ultrafast",
    "-x265-params",
    "log-level=none:pools=1:frame-threads=1:temporal-layers=1:scaling-list=default",
]
SIDX = "+frag_keyframe+global_sidx+delay_moov+negative_cts_offsets+default_base_moof"
VARIANTS: dict[str, list[str]] = {
    "plain.mp4": [*BARS, *TONE, "-t", "3", *X264],
    "silent.mp4": [*BARS, "-t", "3", *X264],
    "front.mp4": [*BARS, *TONE, "-t", "3", *X264, "-movflags", "+faststart"],
    "b-frames.mp4": [*BARS, "-t", "3", "-c:v", "libx264", "-preset", "medium", "-bf", "3"],
    "fragmented.mp4": [*BARS, *TONE, "-t", "3", *X264, "-g", "25", "-movflags", "+frag_keyframe+empty_moov"],
    "dash.mp4": [*BARS, "-t", "3", *X264, "-g", "25", "-movflags", "+dash+delay_moov"],
    "ntsc.mp4": ["-f", "lavfi", "-i", "smptehdbars=size=640x360:rate=30000/1001", "-t", "3", *X264],
    "cropped.mp4": ["-f", "lavfi", "-i", "smptehdbars=size=1918x1078:rate=2", "-t", "2", *X264],
    "anamorphic.mp4": ["-f", "lavfi", "-i", "smptehdbars=size=1440x1080:rate=2", "-vf", "setsar=4/3", "-t", "2", *X264],
    "interlaced.mp4": [*BARS, "-vf", "tinterlace=5", "-t", "2", "-c:v", "libx264", "-flags", "+ilme+ildct"],
    "rgb.mp4": [*BARS, "-t", "2", "-c:v", "libx264", "-pix_fmt", "yuv444p"],
    "mpeg4.mp4": [*BARS, "-t", "3", "-c:v", "mpeg4"],
    "hevc.mp4": [*BARS, "-t", "2", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"],
    "vp9.mp4": [*BARS, "-t", "1", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "hev1.mp4": [*SMALL, "-c:v", "libx265", "-tag:v", "hev1", "-pix_fmt", "yuv420p10", *QUIET265, "-aspect", "2"],
    "hevc-422.mp4": [*ODD, "-c:v", "libx265", "-pix_fmt", "yuv422p", *QUIET265, "-tag:v", "hvc1"],
    "av1.mp4": [*ODD, "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"],
    "mpeg4-anamorphic.mp4": [*ODD, "-vf", "setsar=12/11", "-c:v", "mpeg4"],
    "mpeg2.mp4": [*SMALL, "-c:v", "mpeg2video"],
    "mjpeg.mp4": [*SMALL, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p"],
    "sidx.mp4": [*SMALL, *X264, "-g", "5", "-movflags", SIDX],
    "per-frame.mp4": [*SMALL, *X264, "-movflags", "+frag_every_frame+empty_moov+omit_tfhd_offset"],
    "cmaf.mp4": [*SMALL, *TONE, "-shortest", *X264, "-movflags", "+cmaf+frag_keyframe+empty_moov+separate_moof"],
    "no-edits.mp4": [*SMALL, "-c:v", "libx264", "-bf", "2", "-use_editlist", "0"],
    "time-code.mp4": [*SMALL, *X264, "-timecode", "01:00:00:00"],
    "late.mp4": ["-itsoffset", "0.7", *SMALL, *TONE, "-t", "2", *X264],
    "phone.3gp": [*SMALL, *X264],
    "phone.mov": [*BARS, *TONE, "-t", "3", *X264],
}  # fmt: skip


@pytest.fixture(scope="session", params=VARIANTS)
def video(request: pytest.FixtureRequest, folder: Path) -> Path:
    return ffmpeg(*VARIANTS[request.param], folder / request.param)


def probed(path: Path) -> dict[str, Any]:
    entries = "stream=codec_type,codec_name,width,height,sample_aspect_ratio,duration:stream_side_data=rotation"
    run = ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", str(path)]
    streams = json.loads(subprocess.run(run, check=True, capture_output=True).stdout)["streams"]
    [picture] = [stream for stream in streams if stream["codec_type"] == "video"]
    return {**picture, "audio": any(stream["codec_type"] == "audio" for stream in streams)}


def shown_by_ffprobe(said: dict[str, Any]) -> Pixels:
    aspect = Fraction(said.get("sample_aspect_ratio", "1:1").replace(":", "/"))
    width, height = round(said["width"] * aspect), said["height"]
    turns = [int(side["rotation"]) for side in said.get("side_data_list", []) if "rotation" in side]
    return Pixels(height, width) if turns and turns[0] % 180 else Pixels(width, height)


def bytes_of(path: Path) -> bytes:
    return path.read_bytes()


async def measured(path: Path) -> Video:
    return await read_mp4(MemorySource(bytes_of(path)))


async def agrees(path: Path) -> None:
    said, video = probed(path), await measured(path)
    assert (video.codec, video.audio) == (said["codec_name"], said["audio"])
    assert video.coded == Pixels(said["width"], said["height"])
    assert video.shown == shown_by_ffprobe(said)
    assert video.duration.total_seconds() == pytest.approx(float(said["duration"]), abs=0.05)


async def test_video_measures_as_ffprobe_says(video: Path) -> None:
    await agrees(video)


@pytest.mark.parametrize("degrees", [90, 180, 270])
async def test_video_turned_is_shown_turned(folder: Path, clip: Path, degrees: int) -> None:
    target = folder / f"turned-{degrees}.mp4"
    ffmpeg("-i", clip, "-c", "copy", "-metadata:s:v:0", f"rotate={degrees}", target)
    await agrees(target)


@pytest.mark.parametrize(("start", "lasts"), [("1.3", "2"), ("0", "2.5"), ("2.1", "1.1")])
async def test_video_cut_without_encoding_lasts_as_its_edit_list_says(folder: Path, start: str, lasts: str) -> None:
    whole, target = folder / "whole.mp4", folder / f"cut-{start}-{lasts}.mp4"
    ffmpeg(*VARIANTS["b-frames.mp4"], whole)
    ffmpeg("-ss", start, "-i", whole, "-t", lasts, "-c", "copy", target)
    await agrees(target)


@pytest.mark.parametrize("more", [[], ["-use_editlist", "0"]])
async def test_slides_that_stand_ever_longer_last_until_the_last_has_been_shown(more: list[str], folder: Path) -> None:
    """The last of ten is shown after 8.1 s; the moments of decoding are closer together."""
    slides = ["-vf", "setpts=N*N*0.1/TB", "-fps_mode", "vfr", "-c:v", "libx264", "-bf", "2", *more]
    lasts = (await measured(ffmpeg(*SMALL, *slides, folder / f"slides-{len(more)}.mp4"))).duration.total_seconds()
    assert 8.1 <= lasts < 8.1 + 1.7


async def test_video_with_cover_art_has_one_real_stream(folder: Path, clip: Path, jpeg: Path) -> None:
    target = folder / "cover.mp4"
    covers = ["-map", "0", "-map", "1", "-c", "copy", "-disposition:v:1", "attached_pic"]
    ffmpeg("-i", clip, "-i", jpeg, *covers, target)
    assert (await measured(target)).shown == Pixels(1920, 1080)


async def test_video_with_two_real_streams_is_refused(folder: Path, clip: Path) -> None:
    target = folder / "two.mp4"
    ffmpeg("-i", clip, "-map", "0:v", "-map", "0:v", "-c", "copy", target)
    with pytest.raises(Damaged) as refused:
        await measured(target)
    assert (refused.value.code, refused.value.measured) == ("several-videos", "2")


async def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Damaged) as refused:
        await read_mp4(MemorySource(data))
    return refused.value.code, refused.value.measured


async def test_index_that_points_beside_the_data_is_refused(folder: Path) -> None:
    """ffmpeg itself leaves the offsets of its fragments as they were when it puts a `sidx` before them."""
    flags = SIDX.replace("+default_base_moof", "")
    shifted = ffmpeg(*SMALL, *X264, "-g", "5", "-movflags", flags, folder / "shifted.mp4")
    assert await refusal(bytes_of(shifted)) == ("missing-samples", "2 / 2 chunks")


@pytest.mark.parametrize(
    ("extra", "code"),
    [
        (["-disposition:v:1", "0"], "several-videos"),
        (["-c:v:1", "mjpeg", "-pix_fmt:v:1", "yuvj420p"], None),
        (["-c:v:1", "png"], None),
    ],
)
async def test_second_stream_of_still_pictures_is_no_video(folder: Path, extra: list[str], code: str | None) -> None:
    target = folder / f"second-{extra[1]}.mp4"
    ffmpeg(*SMALL, "-map", "0:v", "-map", "0:v", *X264, *extra, target)
    if code:
        assert await refusal(bytes_of(target)) == (code, "2")
    else:
        assert (await measured(target)).codec == "h264"


async def test_chapters_and_subtitles_are_no_video(folder: Path) -> None:
    texts = folder / "texts.srt"
    texts.write_text("1\n00:00:00,000 --> 00:00:00,900\n字幕\n", "utf-8")  # a small file
    chapters = folder / "chapters.txt"
    chapters.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=一\n")
    more: list[str | Path] = [
        "-i",
        texts,
        "-i",
        chapters,
        "-map_metadata",
        "2",
        "-map",
        "0",
        "-map",
        "1",
        "-c:s",
        "mov_text",
    ]
    await agrees(ffmpeg(*SMALL, *more, *X264, folder / "texts.mp4"))


@pytest.mark.parametrize("name", ["hevc.mp4", "av1.mp4", "mpeg4-anamorphic.mp4"])
async def test_other_codecs_do_not_believe_a_flattering_entry_either(name: str, folder: Path) -> None:
    target = folder / name
    data = bytes_of(target if target.exists() else ffmpeg(*VARIANTS[name], target))  # a small file
    honest = await read_mp4(MemorySource(data))
    entry = changed(data, STBL + b"stsd", lambda c: c[:40] + struct.pack(">HH", 1920, 1080) + c[44:])
    assert entry != data
    assert (await read_mp4(MemorySource(entry))).coded == honest.coded


async def test_sound_alone_is_no_video(folder: Path) -> None:
    assert await refusal(bytes_of(ffmpeg(*TONE, "-t", "2", folder / "sound.mp4"))) == ("no-video", "0")


async def test_sample_entry_that_flatters_the_picture_is_not_believed(folder: Path) -> None:
    target = folder / "small.mp4"
    ffmpeg(*VARIANTS["silent.mp4"], target)
    data = bytes_of(target)
    flattered = data.replace((640).to_bytes(2, "big") + (360).to_bytes(2, "big"), b"\x07\x80\x04\x38")
    assert flattered != data
    assert (await read_mp4(MemorySource(flattered))).coded == Pixels(640, 360)


async def test_length_beyond_the_samples_is_not_believed(folder: Path, clip: Path) -> None:
    data = bytearray(bytes_of(clip))
    at = data.index(b"mdhd") + 20
    scale = int.from_bytes(data[at - 4 : at], "big")
    data[at : at + 4] = (scale * 200).to_bytes(4, "big")
    assert (await read_mp4(MemorySource(bytes(data)))).duration.total_seconds() == pytest.approx(5, abs=0.01)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.999])
async def test_video_cut_short_is_told(clip: Path, share: float) -> None:
    data = bytes_of(clip)
    with pytest.raises(Damaged) as refused:
        await read_mp4(MemorySource(data[: int(len(data) * share)]))
    assert refused.value.code == "truncated"


def grown(clip: Path, by: int) -> tuple[bytes, bytes]:
    """What lies before and after so many zeros that are put at the end of the video's data."""
    data = bytearray(bytes_of(clip))
    head, end = data.index(b"mdat") - 4, data.index(b"moov") - 4
    data[head : head + 4] = (end - head + by).to_bytes(4, "big")
    return bytes(data[:end]), bytes(data[end:])


async def test_large_video_is_read_by_few_small_ranges(clip: Path) -> None:
    before, after = grown(clip, 2**28)
    source = SparseSource(before, 2**28, after)
    assert (await read_mp4(Blocks(source))).shown == Pixels(1920, 1080)
    assert source.requests <= 3
    assert source.fetched < 0.002 * source.size


async def test_large_stored_package_is_measured_by_few_small_ranges(clip: Path, slots: dict[str, Slot]) -> None:
    before, after = grown(clip, 2**28)
    package = zipped({"片.mp4": before + after})
    size, at = len(before + after) + 2**28, package.index(before) + len(before)
    package = in_both(in_both(package, 20, size, 4), 24, size, 4)
    package = in_end(package, 16, directory_at(package) + 2**28, 4)
    source = SparseSource(package[:at], 2**28, package[at:])
    [file] = (await measure(source, slots["video"])).files or ()
    assert isinstance(file.content, Video)
    assert source.requests <= 6
    assert source.fetched < 0.002 * source.size


async def test_samples_in_another_file_are_not_looked_for(clip: Path) -> None:
    data = bytearray(bytes_of(clip))
    at = data.index(b"url \0\0\0\1")
    data[at + 7] = 0
    with pytest.raises(Damaged) as refused:
        await read_mp4(MemorySource(bytes(data)))
    assert refused.value.code == "missing-samples"
