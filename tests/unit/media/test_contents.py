"""What there is to show in a package, whatever it is packed in."""

import tempfile

import pytest

from services.media.publish.contents import NotTheSame, pieces
from tests.data.make_rars import Member, rar5
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import MemorySource

NAME = "片.mp4"
FILM = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40


async def copied(package: bytes) -> list[tuple[str, str, bytes]]:
    found = list[tuple[str, str, bytes]]()
    async for piece in pieces(MemorySource(package), "package"):
        with tempfile.TemporaryFile() as file:
            await piece.copy(file)
            file.seek(0)
            found.append((piece.name, piece.show, file.read()))
    return found


@pytest.mark.parametrize("kind", ["zip", "rar", "packed rar", "none"])
async def test_video_is_found_in_a_package_of_any_kind(kind: str) -> None:
    raw = NAME.encode()
    package = {
        "zip": zipped({NAME: FILM, "Thumbs.db": b"x"}),
        "rar": rar5(Member(raw, FILM), Member(b"Thumbs.db", b"x")),
        "packed rar": rar5(Member(raw, FILM, packed=True)),
        "none": FILM,
    }[kind]
    assert await copied(package) == [("package" if kind == "none" else NAME, "video", FILM)]


@pytest.mark.parametrize("kind", ["zip", "rar"])
async def test_file_that_is_not_the_one_that_was_checked_is_never_shown(kind: str) -> None:
    package = zipped({NAME: FILM}) if kind == "zip" else rar5(Member(NAME.encode(), FILM))
    at = package.index(FILM) + 100
    package = package[:at] + bytes([package[at] ^ 1]) + package[at + 1 :]
    with pytest.raises(NotTheSame):
        await copied(package)
