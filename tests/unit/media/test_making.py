"""What is made of a file to be shown, and whose fault it is where that cannot be done."""

import asyncio
import errno
import json
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from services.media.inspect import bounds
from services.media.inspect.child import Done, End
from services.media.inspect.decode import Budget
from services.media.inspect.models import Damaged
from services.media.inspect.mp4 import read_movie
from services.media.inspect.png import png_decodes
from services.media.publish import making
from services.media.publish.contents import Piece, Show
from services.media.publish.making import made
from tests.data.make_exif import exif
from tests.data.make_packages import CONTENT_TYPES, ffmpeg
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import SPACES, read, related, written
from tests.unit.media.inspect.films import film
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.pngs import END, SIGN, png

SECRET = b"39.9042"


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
    assert list(await shown(photo, "jpeg")) == ["picture"]


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a tool is to write lies where there is no room."""
    room = making._file

    @contextmanager
    def file(writable: bool = False) -> Iterator[BinaryIO]:
        with Path("/dev/full").open("r+b", buffering=0) if writable else room() as given:
            yield given

    monkeypatch.setattr(making, "_file", file)


@pytest.mark.usefixtures("full_disk")
async def test_full_disk_is_no_fault_of_the_film(folder: Path) -> None:
    with pytest.raises(OSError, match="ffmpeg: exit 228") as fault:
        await shown(film("h264.mp4", folder), "video")
    assert fault.value.errno == errno.ENOSPC


@pytest.mark.parametrize("lacking", ["ENOSPC", "EDQUOT", "EIO", "ENOMEM", "EAGAIN", None])
async def test_what_the_machine_lacks_is_no_fault_of_the_file(
    lacking: str | None, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(errno, lacking) if lacking else errno.EINVAL

    async def failing(*_: object, **__: object) -> Done:
        return Done(b"", End("ffmpeg", "exit", 256 - number))

    monkeypatch.setattr(making, "run", failing)
    with pytest.raises(OSError if lacking else Damaged) as fault:
        await shown(photo, "jpeg")
    assert getattr(fault.value, "errno", None) == (number if lacking else None)


async def test_text_of_a_document_is_found_wherever_the_document_says_it_is() -> None:
    types = CONTENT_TYPES.replace("/word/document.xml", "/word/document2.xml").encode()
    body = f"<w:document {SPACES}><w:body>{written('桥为什么不怕水')}</w:body></w:document>".encode()
    start = related(("officeDocument", "word/document2.xml", False))
    document = zipped({"[Content_Types].xml": types, "_rels/.rels": start, "word/document2.xml": body})
    assert (await read(document)).characters == 7
    assert await shown(document, "document") == {"text": "桥为什么不怕水".encode()}


@pytest.mark.parametrize(
    ("kind", "codecs"),
    [
        ("h264.mp4", ["h264", "aac"]),
        ("raw.mov", ["h264", "pcm"]),
        ("telephone.mov", ["h264", "aac"]),
        ("adpcm.mov", ["h264", "aac"]),
        ("prores.mov", ["h264", "pcm"]),
        ("cinepak.mov", ["h264", "aac"]),
        ("foreign", ["h264"]),
    ],
)
async def test_only_what_an_mp4_cannot_hold_is_encoded_anew(kind: str, codecs: list[str], folder: Path) -> None:
    data = film("telephone.mov" if kind == "foreign" else kind, folder)
    data = data.replace(b"ulaw", b"Qxyz") if kind == "foreign" else data
    made = await shown(data, "video")
    (folder / "made.mp4").write_bytes(made["video"])
    streams = await streams_of(folder / "made.mp4")
    named = [stream["codec_name"].partition("_")[0] for stream in streams]
    assert (named, list(made)) == (codecs, ["video", "poster"])
    assert made["video"].index(b"moov") < made["video"].index(b"mdat")
    movie = (await read_movie(MemorySource(data))).track
    assert int(streams[0]["nb_frames"]) == len(movie.samples.sizes)
    copied = (await read_movie(MemorySource(made["video"]))).track.samples.sizes == movie.samples.sizes
    assert copied == (movie.codec == "h264")


async def streams_of(file: Path) -> list[dict[str, str]]:
    shown = ["-v", "error", "-show_entries", "stream=codec_name,nb_frames", "-of", "json"]
    probe = await asyncio.create_subprocess_exec("ffprobe", *shown, file, stdout=asyncio.subprocess.PIPE)
    streams: list[dict[str, str]] = json.loads((await probe.communicate())[0])["streams"]
    return streams


async def test_png_is_shown_upright_with_what_is_transparent_and_nothing_else_of_it() -> None:
    row = b"\0" + bytes((200, 100, 50, 128)) * 30
    said = [
        (b"tEXt", b"Comment\0" + SECRET),
        (b"eXIf", exif(SECRET)),
        (b"iCCP", SECRET + b"\0\0" + zlib.compress(b"x")),
    ]
    secret = png(30, 20, 8, 6, *said, (b"IDAT", zlib.compress(row * 20)), END)
    assert await png_decodes(MemorySource(secret), None, Budget(bounds.DECODED)) is None
    [(kind, again)] = (await shown(secret, "png")).items()
    assert (kind, again[:8], SECRET in again) == ("picture", SIGN, False)
    assert struct.unpack(">LLBB", again[16:26]) == (20, 30, 8, 6)
    assert await png_decodes(MemorySource(again), None, Budget(bounds.DECODED)) is None


@pytest.mark.parametrize("kind", ["jpeg", "png"])
async def test_picture_of_which_nothing_comes_is_not_shown(kind: Show) -> None:
    with pytest.raises(Damaged):
        await shown(SIGN + bytes(100) if kind == "png" else b"\xff\xd8\xff\xe0" + bytes(100), kind)
