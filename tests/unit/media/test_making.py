"""What is made of a file to be shown, and whose fault it is where that cannot be done."""

from pathlib import Path

import pytest

from services.media.publish import making
from services.media.publish.contents import Piece, Show
from services.media.publish.making import made
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.films import film
from tests.unit.media.inspect.memory import MemorySource


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("making")


@pytest.fixture(scope="module")
def photo(folder: Path) -> bytes:
    return ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240", "-frames:v", "1", folder / "photo.jpg").read_bytes()


async def shown(data: bytes, show: Show) -> dict[str, bytes]:
    """What is made of a file, by kind."""
    return {each.kind: each.file.read() async for each in made(Piece("名", show, MemorySource(data)))}


async def test_nothing_made_needs_more_threads_where_there_are_more_processors(
    folder: Path, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "FFMPEG", (making.FFMPEG[0], "-cpucount", "32", *making.FFMPEG[1:]))
    assert list(await shown(film("h264.mp4", folder), "video")) == ["video", "poster"]
    assert list(await shown(photo, "picture")) == ["picture"]
