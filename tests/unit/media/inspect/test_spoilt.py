"""Videos, documents and pictures spoilt at random: what is read of them or what is wrong, the same on every run."""

import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.media.inspect import bounds
from services.media.inspect.decode import Budget, film_decodes
from services.media.inspect.documents import read_docx
from services.media.inspect.images import read_jpeg
from services.media.inspect.models import Damaged, Document, Fault, Image, Video
from services.media.inspect.mp4 import read_mp4
from services.media.inspect.photos import photo_decodes
from services.media.inspect.source import Source
from services.media.inspect.zip import read_directory
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.docx import RELS, docx, field, related, with_parts, written
from tests.unit.media.inspect.memory import MemorySource

BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
FEW = settings(BOUNDED, max_examples=6)
Lies = list[tuple[float, int]]
LIES: st.SearchStrategy[Lies] = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 2**32 - 1)), max_size=4)
"""Where, as a share of what there is, and what is written there."""
CUTS = st.one_of(st.just(1.0), st.floats(0, 1))


@pytest.fixture(scope="session")
def film(folder: Path) -> bytes:
    """Half a second in fragments and, before them, the same in one piece: every table there is."""
    picture = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=0.5", "-f", "lavfi", "-i", "sine=duration=0.5"]
    coded = ["-c:v", "libx264", "-bf", "2", "-g", "3", "-aspect", "2"]
    return ffmpeg(*picture, *coded, folder / "spoilt.mp4").read_bytes()


@pytest.fixture(scope="session")
def pieces(folder: Path, film: bytes) -> bytes:
    flags = ["-c", "copy", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"]
    return ffmpeg("-i", folder / "spoilt.mp4", *flags, folder / "spoilt-pieces.mp4").read_bytes()


@pytest.fixture(scope="session")
def text() -> bytes:
    parts = {RELS: related(("image", "https://example.org/a.png", True), ("footnotes", "footnotes.xml", False))}
    return with_parts(docx(written("科技创新") + field("DDE a b")), parts)


def spoilt(data: bytes, lies: Lies, cut: float, width: int) -> bytes:
    """The bytes with numbers of some width written over them, and their end cut off."""
    broken = bytearray(data)
    for share, value in lies:
        at = int(share * (len(data) - width))
        broken[at : at + width] = value.to_bytes(4, "big")[-width:]
    return bytes(broken[: int(len(broken) * cut)])


def boxes_of(data: bytes) -> list[int]:
    """Where boxes begin, as far as letters tell."""
    return [
        at - 4 for at in range(4, len(data) - 4) if data[at : at + 4].isalnum() and data[at - 4 : at - 2] == b"\0\0"
    ]


async def same_every_time(read: Callable[[Source], Awaitable[object]], data: bytes) -> object:
    """What three readings come to: the same facts, or the same Damaged and nothing else."""
    seen = list[object]()
    for _ in range(3):
        try:
            seen.append(await read(MemorySource(data)))
        except Damaged as damage:
            seen.append((damage.code, damage.measured))
    assert seen[0] == seen[1] == seen[2]
    return seen[0]


async def decode_film(source: Source) -> tuple[Fault, ...]:
    return await film_decodes(source, None, Budget(bounds.DECODED), heard=True)


async def decode_photo(source: Source) -> Fault | None:
    return await photo_decodes(source, None, Budget(bounds.DECODED))


async def read_document(source: Source) -> Document:
    return await read_docx(source, await read_directory(source))


@BOUNDED
@given(lies=LIES, cut=CUTS, width=st.sampled_from([1, 2, 4]), whole=st.booleans())
async def test_spoilt_video_is_read_or_damaged(
    film: bytes, pieces: bytes, lies: Lies, cut: float, width: int, whole: bool
) -> None:
    assert isinstance(
        await same_every_time(read_mp4, spoilt(film if whole else pieces, lies, cut, width)), Video | tuple
    )


@BOUNDED
@given(share=st.floats(0, 0.999), size=st.integers(0, 2**32 - 1), whole=st.booleans())
async def test_video_with_a_box_of_another_size_is_read_or_damaged(
    film: bytes, pieces: bytes, share: float, size: int, whole: bool
) -> None:
    data = bytearray(film if whole else pieces)
    begins = boxes_of(bytes(data))
    struct.pack_into(">I", data, begins[int(share * len(begins))], size)
    assert isinstance(await same_every_time(read_mp4, bytes(data)), Video | tuple)


@BOUNDED
@given(lies=LIES, cut=CUTS)
async def test_spoilt_document_is_read_or_damaged(text: bytes, lies: Lies, cut: float) -> None:
    assert isinstance(await same_every_time(read_document, spoilt(text, lies, cut, 1)), Document | tuple)


@BOUNDED
@given(
    body=st.text(alphabet=st.sampled_from('<>/w:prt"=字 &;!-[]'), max_size=60),
    name=st.sampled_from([RELS, "word/a.xml"]),
)
async def test_document_of_any_text_is_read_or_damaged(body: str, name: str) -> None:
    data = with_parts(docx(body), {name: body.encode()})
    assert isinstance(await same_every_time(read_document, data), Document | tuple)


@BOUNDED
@given(lies=LIES, cut=CUTS, width=st.sampled_from([1, 2]))
async def test_spoilt_picture_is_read_or_damaged(jpeg: Path, lies: Lies, cut: float, width: int) -> None:
    head = jpeg.read_bytes()[:700] + b"\xff\xd9"  # noqa: ASYNC240 # a small file
    assert isinstance(await same_every_time(read_jpeg, spoilt(head, lies, cut, width)), Image | tuple)


@FEW
@given(lies=st.lists(st.tuples(st.floats(0, 0.6), st.integers(0, 255)), min_size=5, max_size=300))
async def test_spoilt_pictures_are_decoded_or_not(film: bytes, jpeg: Path, lies: Lies) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    assert isinstance(await same_every_time(decode_film, spoilt(film, lies, 1, 1)), tuple)
    assert isinstance(await same_every_time(decode_photo, spoilt(photo, lies, 1, 1)), Fault | None)
