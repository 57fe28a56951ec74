"""Films in fragments, such as recorders that may be cut off write: when each begins, and what they lean on."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from services.media.inspect.models import Damaged
from services.media.inspect.mp4 import read_mp4
from tests.data.make_packages import ffmpeg
from tests.unit.media.inspect.atoms import STBL, box, boxes, changed
from tests.unit.media.inspect.memory import MemorySource

SECOND = 10240
"""Ticks."""


@pytest.fixture(scope="session")
def parts(folder: Path) -> bytes:
    """Four seconds of pictures that refer to later ones, a fragment for each second, and an edit list."""
    picture = "testsrc=size=320x180:rate=10:duration=4"
    coded = [
        "-c:v",
        "libx264",
        "-bf",
        "2",
        "-g",
        "10",
        "-sc_threshold",
        "0",
        "-movflags",
        "+frag_keyframe+delay_moov+default_base_moof",
    ]
    return ffmpeg("-f", "lavfi", "-i", picture, *coded, folder / "parts.mp4").read_bytes()


def begun(data: bytes, change: Callable[[int, int], int]) -> bytes:
    """The film with other beginnings of its fragments: `change` is given the number of each and when it began."""
    number, out = 0, b""
    for kind, content in boxes(data):
        out += box(kind, content)
        if kind == b"moof":
            at = len(out) - len(content) + content.index(b"tfdt") + 8
            out = out[:at] + struct.pack(">Q", change(number, *struct.unpack_from(">Q", out, at))) + out[at + 8 :]
            number += 1
    assert number == 4
    return out


async def lasts(data: bytes) -> float:
    return (await read_mp4(MemorySource(data))).duration.total_seconds()


async def test_pictures_shown_later_than_they_are_decoded_do_not_shorten_a_film_in_fragments(parts: bytes) -> None:
    assert await lasts(parts) == 4.0


async def test_fragments_that_all_begin_late_last_no_longer(parts: bytes) -> None:
    assert await lasts(begun(parts, lambda _, time: time + 3600 * SECOND)) == 4.0


async def test_picture_before_a_fragment_that_begins_late_stands_until_then(parts: bytes) -> None:
    assert await lasts(begun(parts, lambda number, time: time + 60 * SECOND * (number > 1))) == 64.0


async def test_fragment_that_was_lost_leaves_its_time(parts: bytes) -> None:
    moofs = [number for number, (kind, _) in enumerate(boxes(parts)) if kind == b"moof"]
    left = [box(*each) for number, each in enumerate(boxes(parts)) if number not in (moofs[1], moofs[1] + 1)]
    assert await lasts(b"".join(left)) == 4.0


async def test_fragments_that_begin_all_at_once_follow_one_another(parts: bytes) -> None:
    assert await lasts(begun(parts, lambda _number, _time: 0)) == 4.0


async def refusal(data: bytes) -> tuple[str, str]:
    with pytest.raises(Damaged) as refused:
        await read_mp4(MemorySource(data))
    return refused.value.code, refused.value.measured


async def test_fragment_that_begins_in_a_century_is_refused(parts: bytes) -> None:
    assert await refusal(begun(parts, lambda number, _: 2**60 * number)) == ("absurd", f"tfdt {2**60}")


async def test_fragments_whose_defaults_are_nowhere_are_refused(parts: bytes) -> None:
    """No player opens such a film."""
    moov = next(content for kind, content in boxes(parts) if kind == b"moov")
    bare = parts.replace(box(b"moov", moov), box(b"moov", moov.replace(b"mvex", b"free")))
    assert await refusal(bare) == ("damaged", "trex 1")
    assert await refusal(changed(parts, b"moov/mvex", lambda c: c.replace(b"trex", b"free"))) == ("damaged", "trex 1")


async def test_fragments_behind_samples_of_no_length_are_a_film(folder: Path) -> None:
    """The index tells of samples too, but not how long they last."""
    picture = "testsrc=size=320x180:rate=10:duration=2"
    coded = ["-c:v", "libx264", "-bf", "0", "-g", "10", "-movflags", "+frag_keyframe"]
    data = ffmpeg("-f", "lavfi", "-i", picture, *coded, folder / "hybrid.mp4").read_bytes()
    assert await lasts(data) == 2.0
    untold = changed(data, STBL + b"stts", lambda c: bytes(len(c)))
    assert await lasts(untold) <= 2.0
