"""Dangers that hide: among what systems leave behind, behind a second name, behind the mode of another system."""

import io
import struct
import zipfile
import zlib

import pytest

from contracts.rulebook import Slot
from services.media.inspect.probe import measure
from tests.data.make_rars import Member, block5, rar4, rar5, record
from tests.unit.media.inspect.archives import in_both, in_directory, zipped
from tests.unit.media.inspect.memory import MemorySource

TEXT = b"what a teacher wrote " * 50
LINK, PIPE, DEVICE, FOLDER = 0xA1FF, 0x11B4, 0x61B6, 0x41ED
Found = list[tuple[str, str | None]]


@pytest.fixture
def slot(slots: dict[str, Slot]) -> Slot:
    return slots["video"]


async def faults_of(data: bytes, slot: Slot) -> Found:
    return [(fault.code, fault.file) for fault in (await measure(MemorySource(data), slot)).faults]


def moded(mode: int, host: int = 3, name: str = "a.txt", content: bytes = TEXT, dos: int = 0) -> bytes:
    """A zip whose first member carries a mode of Unix and attributes of DOS, made by some system."""
    return in_directory(in_directory(zipped({name: content, "b.txt": TEXT}), 38, mode << 16 | dos, 4), 5, host, 1)


def unicode_path(raw: bytes, name: str) -> bytes:
    field = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + name.encode()
    return struct.pack("<2H", 0x7075, len(field)) + field


def twice_named(raw: str, name: str) -> bytes:
    """A zip of one member with two names."""
    info, buffer = zipfile.ZipInfo(raw), io.BytesIO()
    info.extra = unicode_path(raw.encode(), name)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, TEXT)
    return buffer.getvalue()


def twice_named_rar(oem: bytes, name: str) -> bytes:
    """A RAR 4 of one member with two names; of the Unicode one every letter is written out."""
    letters = [letter.encode("utf-16-le") for letter in name]
    groups = [letters[at : at + 4] for at in range(0, len(letters), 4)]
    both = oem + b"\0\0" + b"".join(b"\xaa" + b"".join(group) for group in groups)
    return rar4(Member(both, TEXT, flags=0x200))


ZIPS: dict[str, tuple[bytes, Found]] = {
    "leftover leads out": (zipped({"__MACOSX/../../x": TEXT, "a": TEXT}), [("path", "__MACOSX/../../x")]),
    "leftover at the root": (zipped({"/etc/__MACOSX/x": TEXT, "a": TEXT}), [("path", "/etc/__MACOSX/x")]),
    "leftover is a link": (moded(LINK, name="._x"), [("link", "._x")]),
    "leftover is a device": (moded(DEVICE, name=".DS_Store", content=b""), [("link", ".DS_Store")]),
    "leftovers otherwise": (zipped({"__MACOSX/?": TEXT, "__macosx/?": TEXT, "a": TEXT}), []),
    "raw name leads out": (twice_named("../a", "b"), [("path", "b")]),
    "other name leads out": (twice_named("a", "../b"), [("path", "../b")]),
    "raw name of a leftover leads out": (twice_named("../a", "._b"), [("path", "._b"), ("empty", None)]),
    "link, FAT": (moded(LINK, host=0), [("link", "a.txt")]),
    "link, NTFS": (moded(LINK, host=11), [("link", "a.txt")]),
    "link, BeOS": (moded(LINK, host=16), [("link", "a.txt")]),
    "link of Windows": (moded(0, host=0, dos=0x400), [("link", "a.txt")]),
    "large file of a cloud": (moded(0, host=0, dos=0x400, content=bytes(2**15)), []),
    "from a pipe": (moded(PIPE), []),
    "pipe": (moded(PIPE, content=b""), [("link", "a.txt")]),
    "no type at all": (moded(0x01FF), []),
    "parent with a space": (zipped({".. /a": TEXT}), [("path", ".. /a")]),
    "same path, longer": (zipped({"a": TEXT, "./a": TEXT}), [("duplicate", "./a")]),
    "same path, doubled": (zipped({"b/a": TEXT, "b//a": TEXT}), [("duplicate", "b//a")]),
    "file and folder by case": (zipped({"A": TEXT, "a/b": TEXT}), [("case", "a/b")]),
    "same folder twice": (zipped({"x/": b"", "X/": b"", "./x/": b"", "x/b": TEXT}), []),
    "folder of a method of its own": (in_both(zipped({"x/": b"", "a": TEXT}), 10, 12, 2), []),
    "folder by its attribute": (moded(0, host=0, name="x", content=b"", dos=0x10), []),
    "folder by its mode": (moded(FOLDER, name="x", content=b""), []),
}


@pytest.mark.parametrize("kind", ZIPS)
async def test_zip_hides_no_danger(kind: str, slot: Slot) -> None:
    data, faults = ZIPS[kind]
    assert await faults_of(data, slot) == faults


async def test_folder_by_its_attribute_is_no_file(slot: Slot) -> None:
    data = in_directory(zipped({"x": b"", "x/a.txt": TEXT}), 38, 0x10, 4)
    facts = await measure(MemorySource(data), slot)
    assert ([file.name for file in facts.files or ()], facts.faults) == (["x/a.txt"], ())


PLAIN = Member(b"a.txt", TEXT)
RARS: dict[str, tuple[bytes, Found]] = {
    "leftover leads out": (rar5(PLAIN, Member(b"__MACOSX/../../x", TEXT)), [("path", "__MACOSX/../../x")]),
    "leftover is a link": (rar5(PLAIN, Member(b"._x", b"", extra=record(5, b"\1\0\1/"))), [("link", "._x")]),
    "oem name leads out": (twice_named_rar(b"..\\a", "b.txt"), [("path", "b.txt")]),
    "link, BeOS": (rar4(Member(b"a.txt", b"/etc", host=5, mode=LINK)), [("link", "a.txt")]),
    "attributes of Windows": (rar4(Member(b"a.txt", TEXT, host=2, mode=0x2020)), []),
    "nul 4": (rar4(Member(b"a.mp4\0.txt", TEXT)), [("path", "a.mp4\\u0000")]),
    "nul 5": (rar5(Member(b"a.mp4\0.txt", TEXT)), [("path", "a.mp4\\u0000")]),
    "folder with data 4": (rar4(PLAIN, Member(b"d", TEXT, flags=0xE0)), [("folder", "d/")]),
    "folder with data 5": (rar5(PLAIN, Member(b"d", TEXT, flags=1)), [("folder", "d/")]),
    "folder with packed data": (rar5(PLAIN, Member(b"d", TEXT, packed=True, flags=1)), [("folder", "d/")]),
    "block to be skipped": (rar5(PLAIN, before=block5(9, 4)), []),
}


@pytest.mark.parametrize("kind", RARS)
async def test_rar_hides_no_danger(kind: str, slot: Slot) -> None:
    data, faults = RARS[kind]
    assert await faults_of(data, slot) == faults


@pytest.mark.parametrize("packed", [False, True])
async def test_rar_without_a_checksum_is_not_held_to_one(packed: bool, slot: Slot) -> None:
    assert await faults_of(rar5(Member(b"a.txt", TEXT, packed, summed=False)), slot) == []
