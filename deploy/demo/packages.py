"""Packages as studios really send them: mp4 in zip, some awkward, some wrong; ffmpeg makes the videos once."""

import asyncio
import hashlib
import io
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

Kind = Literal[
    "plain", "gbk-names", "top-folder", "macosx", "deflated", "large", "too-long", "four-to-three", "720p", "broken-zip"
]
GOOD: Final[tuple[Kind, ...]] = ("plain", "gbk-names", "top-folder", "macosx", "deflated")
WRONG: Final[Mapping[Kind, str]] = {
    "too-long": "时长9分钟，超出4分钟 four minutes too long",
    "four-to-three": "画面4:3 picture is 4:3",
    "720p": "分辨率720p only 720p",
    "broken-zip": "压缩包损坏 broken zip",
}
"""What studios get wrong on purpose."""

CLIP_S: Final = 4
"""Seconds that are encoded; the rest of a video repeats them without encoding anew."""
VOICE = 8_000
"""Samples of sound a second, as of a telephone: each is decoded by the media worker, as is each picture, and the demo's
machine may have two cores for everything."""
UTF8_FLAG: Final = 0x800
DATE: Final = (2023, 6, 30, 9, 0, 0)


@dataclass(frozen=True)
class Video:
    """A video to be made: its size, how long it lasts, how many bits and pictures a second. Slides change slowly."""

    size: str
    seconds: int
    bits: str
    rate: float = 0.5


VIDEOS: Final[Mapping[str, Video]] = {
    "plain": Video("1920x1080", 64, "150k"),
    "large": Video("1920x1080", 76, "1900k", rate=2),
    "too-long": Video("1920x1080", 540, "100k"),
    "four-to-three": Video("1440x1080", 64, "150k"),
    "720p": Video("1280x720", 64, "150k"),
}


@dataclass(frozen=True)
class Package:
    """One file on a studio's disk."""

    kind: Kind
    name: str
    data: bytes
    sha256: str


class GbkName(ZipInfo):
    """An entry as Windows in Chinese writes it: the name in GBK, and no flag that says so."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 # as zipfile calls it
        return self.filename.encode("gbk"), self.flag_bits & ~UTF8_FLAG


class Packages:
    """Makes packages from videos kept in a folder, which later runs find again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def make_videos(self, videos: Mapping[str, Video] = VIDEOS) -> None:
        """Encode what is not there yet, two at a time."""
        free = asyncio.Semaphore(2)

        async def make(name: str, video: Video) -> None:
            async with free:
                await asyncio.to_thread(_encode, video, self._path(name))

        await asyncio.gather(*(make(name, video) for name, video in videos.items() if not self._path(name).exists()))

    def package(self, kind: Kind, studio: str, title: str) -> Package:
        """The package of one kind that a studio sends for one entry; other titles give other bytes."""
        name = f"{studio}-活动视频材料"
        video = self._path(kind if kind in VIDEOS else "plain").read_bytes()
        data = _zip(kind, name, title, video)
        return Package(kind, f"{name}.zip", data, hashlib.sha256(data).hexdigest())

    def _path(self, name: str) -> Path:
        video = VIDEOS[name]
        return self._folder / f"{name}-{video.size}-{video.seconds}s-{video.bits}-{video.rate:g}-{VOICE}.mp4"


def _encode(video: Video, path: Path) -> None:
    clip, whole = path.with_suffix(".clip.mp4"), path.with_suffix(".part.mp4")
    quiet = ("ffmpeg", "-v", "error", "-nostdin", "-y")
    picture = ("-f", "lavfi", "-i", f"testsrc2=s={video.size}:r={video.rate}:d={CLIP_S}")
    sound = ("-f", "lavfi", "-i", f"sine=f=440:d={CLIP_S}")
    rate = ("-b:v", video.bits, "-maxrate", video.bits, "-bufsize", video.bits, "-g", "40")
    codecs = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *rate, "-c:a", "aac", "-b:a", "32k")
    subprocess.run([*quiet, *picture, *sound, *codecs, "-ar", str(VOICE), str(clip)], check=True)
    repeats = ("-stream_loop", str(video.seconds // CLIP_S - 1), "-i", str(clip))
    subprocess.run([*quiet, *repeats, "-c", "copy", "-movflags", "+faststart", str(whole)], check=True)
    clip.unlink()
    whole.rename(path)


def _zip(kind: Kind, name: str, title: str, video: bytes) -> bytes:
    inside = f"{title}.mp4"
    written = io.BytesIO()
    with ZipFile(written, "w", ZIP_STORED) as archive:
        match kind:
            case "gbk-names":
                archive.writestr(GbkName(inside, DATE), video)
            case "top-folder":
                archive.writestr(ZipInfo(f"{name}/", DATE), b"")
                archive.writestr(ZipInfo(f"{name}/{inside}", DATE), video)
            case "macosx":
                archive.writestr(ZipInfo(inside, DATE), video)
                archive.writestr(ZipInfo(f"__MACOSX/._{inside}", DATE), b"\0\x05\x16\x07\0\x02\0\0Mac OS X")
                archive.writestr(ZipInfo(".DS_Store", DATE), b"\0\0\0\x01Bud1")
            case "deflated":
                archive.writestr(ZipInfo(inside, DATE), video, ZIP_DEFLATED, compresslevel=1)
            case _:
                archive.writestr(ZipInfo(inside, DATE), video)
    data = written.getvalue()
    return data[: len(data) * 2 // 3] if kind == "broken-zip" else data
