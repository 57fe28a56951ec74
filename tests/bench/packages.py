"""Packages as large as they come, made once for a machine and kept in its temporary folder."""

import tempfile
import zipfile
from pathlib import Path
from typing import Final

from contracts.events.media import StoredObject
from contracts.rulebook import SHIPPED, Slot, load
from services.media.inspect.models import PackageFacts
from services.media.inspect.rules import judge
from tests.data.make_packages import ffmpeg, pack
from tests.support.kinds import ObjectStore, connect_s3

FOLDER: Final = Path(tempfile.gettempdir()) / "zhumeng-bench"
PART: Final = 16 * 2**20
"""Bytes of the parts uploads come in, which is how the store then holds them."""
METHODS: Final = {"stored": zipfile.ZIP_STORED, "deflated": zipfile.ZIP_DEFLATED}
SOUND: Final = ("-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100")


def film(picture: str, rate: str, seconds: int, *coding: str) -> Path:
    """1080p at 25 frames a second with sound: ten seconds encoded without CABAC, and repeated."""
    target = FOLDER / f"{picture}_{rate}_{seconds}_{'-'.join(coding)}.mp4"
    if not target.exists():
        FOLDER.mkdir(exist_ok=True)
        clip, half = FOLDER / f"clip_{target.name}", FOLDER / f"half_{target.name}"
        shown = ["-f", "lavfi", "-i", f"{picture}=size=1920x1080:rate=25", *SOUND, "-t", "10"]
        steady = ["-b:v", rate, "-maxrate", rate, "-bufsize", rate, "-pix_fmt", "yuv420p", "-c:a", "aac"]
        ffmpeg(*shown, "-c:v", "libx264", "-preset", "ultrafast", *steady, *coding, clip)
        ffmpeg("-stream_loop", "-1", "-i", clip, "-t", str(seconds), "-c", "copy", half)
        clip.unlink()
        half.rename(target)
    return target


def large(kind: str) -> Path:
    """A zip of 250 MB with one film in it: 299 s at 6.5 Mbit/s, `stored` or `deflated` by some 1 %."""
    noise = ("-vf", "noise=alls=12:allf=t:all_seed=7")
    return _packed(film("testsrc2", "6500k", 299, *noise), f"large_{kind}.zip", kind)


def padded() -> Path:
    """A deflated zip of a film of a constant bit rate, which the encoder pads: little to read, 120 MB to inflate."""
    return _packed(film("testsrc2", "16000k", 60, "-x264-params", "nal-hrd=cbr:qpmin=36"), "padded.zip", "deflated")


def _packed(inside: Path, name: str, kind: str) -> Path:
    target = FOLDER / name
    if not target.exists():
        half = pack(FOLDER / f"half_{name}", {"第一小学-活动视频.mp4": inside}, METHODS[kind])
        half.rename(target)
    return target


def upload(s3: ObjectStore, package: Path) -> StoredObject:
    """Put a package where workers find it, pinned as events pin it."""
    key = f"material/bench/{package.name}"
    put = connect_s3(s3).fput_object(s3.bucket, key, str(package), part_size=PART)
    return StoredObject(bucket=s3.bucket, key=key, etag=str(put.etag).strip('"'))


def video_slot() -> Slot:
    """The rules the packages are held against."""
    rulebook = load(SHIPPED / "cloud-studio-2023.yaml")
    return next(slot for track in rulebook.tracks for slot in track.slots if slot.id == "video")


def must_pass(facts: PackageFacts, slot: Slot) -> None:
    """A bench that measures another outcome measures nothing."""
    verdict = judge(facts, slot)
    assert verdict.outcome == "pass", [finding.message.en for finding in verdict.findings if not finding.ok]
