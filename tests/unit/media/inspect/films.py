"""Films of all honest kinds, and the same with damage in chosen places."""

import random
from pathlib import Path
from typing import Final, Literal

from services.media.inspect import bounds
from services.media.inspect.decode import Budget, film_decodes
from services.media.inspect.models import Fault
from services.media.inspect.mp4 import read_movie
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.memory import MemorySource

Harm = Literal["zeros", "noise", "half", "bit"]
"""What is done to a sample: all of it zeros or noise, its second half zeros, or a byte in its middle changed."""

PICTURE: Final = ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=6")
TONE: Final = ("-f", "lavfi", "-i", "sine=frequency=440:duration=6:sample_rate=48000")
LOW: Final = ("-f", "lavfi", "-i", "sine=frequency=440:duration=6:sample_rate=8000")
X264: Final = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "50")
OPEN: Final = ("-c:v", "libx264", "-x264-params", "open-gop=1:keyint=40:bframes=3")
X265: Final = ("-c:v", "libx265", "-preset", "superfast", "-tag:v", "hvc1")
QUIET: Final = "log-level=none:keyint=40:bframes=3:open-gop="
THIRDS: Final = ("-vf", "select='not(mod(n,3))+lt(n,40)'", "-fps_mode", "vfr")
FRAGMENTS: Final = ("-movflags", "+frag_every_frame+empty_moov+omit_tfhd_offset")
CMAF: Final = ("-movflags", "+cmaf+frag_keyframe+empty_moov+separate_moof")
KINDS: Final[dict[str, tuple[str, ...]]] = {
    "h264.mp4": (*PICTURE, *TONE, *X264, "-c:a", "aac"),
    "open.mp4": (*PICTURE, *TONE, *OPEN, "-c:a", "aac"),
    "intra.mp4": (*PICTURE, "-t", "4", "-c:v", "libx264", "-g", "1"),
    "refresh.mp4": (*PICTURE, "-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=50"),
    "fields.mp4": (*PICTURE, "-vf", "tinterlace=5,scale=320:176", *X264, "-flags", "+ilme+ildct"),
    "hevc.mp4": (*PICTURE, *X265, "-x265-params", QUIET + "0"),
    "hevc-open.mp4": (*PICTURE, *X265, "-x265-params", QUIET + "1"),
    "av1.mp4": (*PICTURE, "-t", "3", "-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "40"),
    "av1-hidden.mp4": (*PICTURE, "-t", "0.8", "-c:v", "libaom-av1", "-cpu-used", "8", "-lag-in-frames", "19"),
    "vp9.mp4": (*PICTURE, "-t", "2", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-lag-in-frames", "16"),
    "mpeg4.mp4": (*PICTURE, *TONE, "-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"),
    "mpeg2.mp4": (*PICTURE, "-c:v", "mpeg2video", "-bf", "2"),
    "mjpeg.mov": (*PICTURE, *TONE, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"),
    "prores.mov": (*PICTURE, *TONE, "-t", "1", "-c:v", "prores", "-c:a", "pcm_s24le"),
    "cinepak.mov": (*PICTURE, *LOW, "-t", "1", "-c:v", "cinepak", "-c:a", "pcm_mulaw"),
    "fragments.mp4": (*PICTURE, *TONE, *X264, *FRAGMENTS, "-c:a", "aac"),
    "cmaf.mp4": (*PICTURE, *TONE, *X264, *CMAF, "-c:a", "aac"),
    "rates.mp4": (*PICTURE, *TONE, *THIRDS, *X264, "-c:a", "aac"),
    "late.mp4": ("-itsoffset", "0.7", *PICTURE, *TONE, *X264, "-c:a", "aac"),
    "slides.mp4": ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1:duration=20", *TONE, *X264, "-c:a", "aac"),
    "alone.mp4": ("-f", "lavfi", "-i", "testsrc2=size=320x180:rate=1:duration=1", *X264),
    "brief-sound.mp4": (*PICTURE, *TONE, "-af", "atrim=end=2", *X264, "-c:a", "aac"),
    "long-sound.mp4": (*PICTURE, "-t", "9", *TONE, "-af", "apad=whole_dur=9", *X264, "-c:a", "aac"),
    "two-sounds.mp4": (*PICTURE, *TONE, *TONE, "-map", "0", "-map", "1", "-map", "2", *X264, "-c:a", "aac"),
    "time-code.mov": (*PICTURE, *TONE, *X264, "-timecode", "01:00:00:00", "-c:a", "aac"),
    "alac.mov": (*PICTURE, *TONE, *X264, "-c:a", "alac"),
    "opus.mp4": (*PICTURE, *TONE, *X264, "-c:a", "libopus"),
    "flac.mp4": (*PICTURE, *TONE, *X264, "-c:a", "flac", "-strict", "-2"),
    "ac3.mp4": (*PICTURE, *TONE, *X264, "-c:a", "ac3"),
    "mp3.mov": (*PICTURE, *TONE, *X264, "-c:a", "libmp3lame"),
    "adpcm.mov": (*PICTURE, *TONE, *X264, "-c:a", "adpcm_ima_qt"),
    "telephone.mov": (*PICTURE, *LOW, *X264, "-c:a", "pcm_mulaw"),
    "raw.mov": (*PICTURE, *TONE, *X264, "-c:a", "pcm_s16be"),
}  # fmt: skip
"""Six seconds, mostly of 25 pictures of 320x180 each."""
CUTS: Final[dict[str, tuple[str, ...]]] = {
    "open.mp4": ("-ss", "2.3", "-t", "3"),
    "h264.mp4": ("-ss", "2.5"),
    "hevc-open.mp4": ("-ss", "2.5", "-use_editlist", "0"),
    "fragments.mp4": ("-ss", "2.1"),
}
"""Parts of them taken without encoding, so that they begin with pictures that refer to what is not there."""


def film(kind: str, folder: Path) -> bytes:
    """A film of a kind, made once for a folder."""
    target = folder / f"film-{kind}"
    if not target.exists():
        ffmpeg(*KINDS[kind], target)
    return target.read_bytes()


def cut(kind: str, folder: Path) -> bytes:
    """A part of such a film."""
    film(kind, folder)
    where, how = CUTS[kind][:2], CUTS[kind][2:]
    return ffmpeg(*where, "-i", folder / f"film-{kind}", *how, "-c", "copy", folder / f"cut-{kind}").read_bytes()


async def spoilt(data: bytes, first: int, last: int, harm: Harm = "zeros", sound: bool = False) -> bytes:
    """The film with harm done to some samples of its pictures, or of its sound."""
    movie = await read_movie(MemorySource(data))
    track = movie.sound if sound else movie.track
    assert track is not None
    broken = bytearray(data)
    for number in range(first, last):
        at, size = track.samples.place(number)
        match harm:
            case "zeros":
                broken[at : at + size] = bytes(size)
            case "noise":
                broken[at : at + size] = random.Random(number).randbytes(size)
            case "half":
                broken[at + size // 2 : at + size] = bytes(size - size // 2)
            case "bit":
                broken[at + size // 2] ^= 0x55
    return bytes(broken)


async def faults(data: bytes, heard: bool = False, budget: Budget | None = None) -> list[tuple[str, str]]:
    """What decoding all of a film finds."""
    found: tuple[Fault, ...] = await film_decodes(
        MemorySource(data), None, budget or Budget(bounds.DECODED), heard=heard
    )
    return [(fault.code, fault.measured) for fault in found]
