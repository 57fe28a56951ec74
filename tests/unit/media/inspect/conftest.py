"""Real files, made once."""

from pathlib import Path

import pytest

from tests.data.make_packages import ffmpeg


@pytest.fixture(scope="session")
def clip(folder: Path) -> Path:
    """Five seconds of 1080p with sound, some 100 kB."""
    target = folder / "clip.mp4"
    picture, sound = "smptehdbars=size=1920x1080:rate=5", "sine=frequency=440"
    ffmpeg("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-t", "5", "-pix_fmt", "yuv420p", target)
    return target


@pytest.fixture(scope="session")
def jpeg(folder: Path) -> Path:
    target = folder / "photo.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=1280x960:rate=1", "-frames:v", "1", target)
    return target
