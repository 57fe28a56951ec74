"""What there is to show in a package, whatever it is packed in."""

import tempfile

import pytest

from contracts.rulebook import Slot
from services.media.publish.contents import NotTheSame, pieces
from tests.data.make_rars import Member, rar5
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.docx import docx, written
from tests.unit.media.inspect.memory import MemorySource
from tests.unit.media.inspect.pngs import END, pixels, png

NAME = "片.mp4"
FILM = b"\0\0\0\x20ftypisom" + bytes(range(256)) * 40


async def copied(package: bytes, slot: Slot) -> list[tuple[str, str, bytes]]:
    found = list[tuple[str, str, bytes]]()
    async for piece in pieces(MemorySource(package), "package", slot):
        with tempfile.TemporaryFile() as file:
            await piece.copy(file)
            file.seek(0)
            found.append((piece.name, piece.show, file.read()))
    return found


@pytest.mark.parametrize("kind", ["zip", "rar", "packed rar", "none"])
async def test_video_is_found_in_a_package_of_any_kind(kind: str, slots: dict[str, Slot]) -> None:
    raw = NAME.encode()
    package = {
        "zip": zipped({NAME: FILM, "Thumbs.db": b"x"}),
        "rar": rar5(Member(raw, FILM), Member(b"Thumbs.db", b"x")),
        "packed rar": rar5(Member(raw, FILM, packed=True)),
        "none": FILM,
    }[kind]
    assert await copied(package, slots["video"]) == [("package" if kind == "none" else NAME, "video", FILM)]


@pytest.mark.parametrize("kind", ["zip", "rar"])
async def test_file_that_is_not_the_one_that_was_checked_is_never_shown(kind: str, slots: dict[str, Slot]) -> None:
    package = zipped({NAME: FILM}) if kind == "zip" else rar5(Member(NAME.encode(), FILM))
    at = package.index(FILM) + 100
    package = package[:at] + bytes([package[at] ^ 1]) + package[at + 1 :]
    with pytest.raises(NotTheSame):
        await copied(package, slots["video"])


@pytest.mark.parametrize("kind", ["zip", "rar", "packed rar"])
@pytest.mark.parametrize(("asking", "found"), [("video", ["片.mp4"]), ("case", ["照.jpg", "文.docx"])])
async def test_only_what_the_slot_asks_about_is_shown(
    kind: str, asking: str, found: list[str], slots: dict[str, Slot]
) -> None:
    files: dict[str | bytes, bytes] = {
        NAME: FILM,
        "照.jpg": b"\xff\xd8\xff\xe0" + bytes(5000),
        "文.docx": docx(written("文")),
    }
    members = [Member(str(name).encode(), data, packed=kind != "rar") for name, data in files.items()]
    package = zipped(files) if kind == "zip" else rar5(*members)
    assert [name for name, _, _ in await copied(package, slots[asking])] == found


@pytest.mark.parametrize(("admitted", "found"), [(True, ["png"]), (False, [])])
async def test_png_is_shown_where_the_slot_admits_one(
    admitted: bool, found: list[str], cover: Slot, slots: dict[str, Slot]
) -> None:
    picture = png(2, 2, 8, 2, pixels(14), END)
    package = picture if admitted else zipped({"图.png": picture})
    assert [show for _, show, _ in await copied(package, cover if admitted else slots["case"])] == found
