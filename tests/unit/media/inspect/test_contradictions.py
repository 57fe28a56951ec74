"""Zips whose members are described in two ways, or not at all: what one program unpacks, another does not."""

import struct
import zipfile
import zlib

import pytest

from contracts.rulebook import Slot
from services.media.inspect import whole
from services.media.inspect.probe import measure
from services.media.inspect.source import BLOCK
from tests.unit.media.inspect.archives import change, directory_at, in_both, in_end, streamed, zipped
from tests.unit.media.inspect.memory import MemorySource

TEXT = b"what a teacher wrote " * 50
STORED = zipped({"a.txt": TEXT})
TWO = zipped({"a.txt": TEXT, "b.txt": TEXT})
STREAMED = streamed({"a.txt": TEXT})
FOLDER = zipped({"x/": b"", "a.txt": TEXT})
UNLISTED = zipped({"evil.exe": TEXT})
UNLISTED = UNLISTED[: directory_at(UNLISTED)]
FULL = 2**32 - 1
Found = list[tuple[str, str, str | None]]


@pytest.fixture
def slot(slots: dict[str, Slot]) -> Slot:
    return slots["video"]


async def faults_of(data: bytes, slot: Slot) -> Found:
    facts = await measure(MemorySource(data), slot)
    return [(fault.code, fault.measured, fault.file) for fault in facts.faults]


def before_directory(data: bytes, gap: bytes) -> bytes:
    """A zip with more between its last member and its directory."""
    at = directory_at(data)
    return in_end(data[:at] + gap + data[at:], 16, at + len(gap), 4)


def between(gap: bytes) -> bytes:
    """A zip of two members with something between them."""
    at, second = TWO.index(b"PK\3\4", 1), TWO.rindex(b"PK\1\2")
    moved = change(TWO, second + 42, at + len(gap), 4)
    return in_end(moved[:at] + gap + moved[at:], 16, directory_at(TWO) + len(gap), 4)


def with_local_field(size: int, packed: int, named: str = "a.txt") -> bytes:
    """A zip whose local header says its sizes in a ZIP64 field."""
    field = struct.pack("<2H2Q", 1, 16, size, packed)
    local = STORED[:18] + struct.pack("<2L2H", FULL, FULL, len(named), len(field)) + named.encode() + field
    data = local + STORED[35:]
    return in_end(data, 16, directory_at(STORED) + len(local) - 35, 4)


def behind(data: bytes) -> bytes:
    """A zip of a deflated member, with bytes after the end of its stream that are counted with it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(TEXT) + packer.flush() + data
    stored = in_both(in_both(zipped({"a.txt": packed}), 10, 8, 2), 16, zlib.crc32(TEXT), 4)
    return in_both(stored, 24, len(TEXT), 4)


PACKED = len(behind(b"")) - len(zipped({"a.txt": b""}))
UNTOLD = ("ambiguous", "目录未列 not listed: evil.exe", None)
ZIPS: dict[str, tuple[bytes, Found]] = {
    "not listed, before the directory": (before_directory(STORED, UNLISTED), [UNTOLD]),
    "not listed, between": (between(UNLISTED), [UNTOLD]),
    "not listed, far": (before_directory(STORED, bytes(whole.GAP - 2) + UNLISTED), [UNTOLD]),
    "not listed, after a descriptor": (before_directory(STREAMED, UNLISTED), [UNTOLD]),
    "not listed, cut": (between(b"PK\3\4"), [("ambiguous", "目录未列 not listed: (无名 unnamed)", None)]),
    "signed like an APK": (before_directory(STORED, b"APK Sig Block 42"), []),
    "aligned": (between(bytes(3000)), []),
    "folder under another name": (FOLDER.replace(b"x/", b"y/", 1), [("header", "local header @0", "x/")]),
    "shorter name": (change(STORED, 26, 4, 2), [("header", "local header @0", "a.txt")]),
    "long sizes": (with_local_field(len(TEXT), len(TEXT)), []),
    "other long sizes": (with_local_field(7, 9), [("header", f"{FULL} / {FULL} B", "a.txt")]),
    "no long sizes": (change(STORED, 22, FULL, 4), [("header", f"{len(TEXT)} / {FULL} B", "a.txt")]),
    "descriptor and other sizes": (change(STREAMED, 22, 9, 4), [("header", "0 / 9 B", "a.txt")]),
    "bytes behind the stream": (behind(b"hidden"), [("size", f"{PACKED} ≠ {PACKED + 6} B", "a.txt")]),
    "a little more than there is": (
        change(change(STORED, 22, 1055, 4), 18, 1055, 4).replace(
            struct.pack("<2L", 1050, 1050), struct.pack("<2L", 1055, 1055)
        ),
        [("size", "1055 > 1050 B", "a.txt")],
    ),
}


INNER = zipped({"b.zip": STORED, "c.txt": bytes(2**17)})
AROUND: dict[str, tuple[bytes, Found]] = {
    "much after it": (STORED + bytes(2**20), [("surplus", f"0 + {2**20} B", None)]),
    "cut behind another zip": (
        INNER[: directory_at(INNER) - 100],
        [("truncated", f"no directory, {directory_at(INNER) - 100} B", None)],
    ),
    "beginning lost": (STORED[100:], [("truncated", "开头缺少 missing at its beginning: 100 B", None)]),
    "much text before it": (b"a mail, " * 200 + STORED, [("surplus", "1600 + 0 B", None)]),
    "between directory and end": (STORED[:-22] + bytes(9) + STORED[-22:], [("surplus", "0 + 9 B", None)]),
    "two ends": (STORED + STORED[-22:], [("damaged", "directory +0", None)]),
    "signed": (in_end(STORED[:-22] + b"PK\5\5\4\0sign" + STORED[-22:], 12, 51 + 10, 4), []),
}


@pytest.mark.parametrize("kind", AROUND)
async def test_zip_is_found_among_other_bytes(kind: str, slot: Slot) -> None:
    data, faults = AROUND[kind]
    facts = await measure(MemorySource(data), slot, "package.zip")
    found = [(fault.code, fault.measured, fault.file) for fault in facts.faults]
    assert (facts.format, found) == ("zip", faults)


async def test_script_before_a_zip_is_a_text(slot: Slot) -> None:
    facts = await measure(MemorySource(b"#!/bin/sh\nexec unzip $0\n" * 40 + STORED), slot, "package.zip")
    assert (facts.format, facts.faults) == ("txt", ())


async def test_extension_is_told_as_it_can_be_printed(slot: Slot) -> None:
    facts = await measure(MemorySource(zipped({b"a.\x1b[31m": b""})), slot)
    assert [file.format for file in facts.files or ()] == ["\\u001b[31m"]


@pytest.mark.parametrize("kind", ZIPS)
async def test_contradiction_is_told(kind: str, slot: Slot) -> None:
    data, faults = ZIPS[kind]
    assert await faults_of(data, slot) == faults


async def test_stream_with_more_behind_it_is_found_wherever_its_end_lies(slot: Slot) -> None:
    for more in (1, BLOCK, 2**19):
        [fault] = await faults_of(behind(bytes(more)), slot)
        assert fault == ("size", f"{PACKED} ≠ {PACKED + more} B", "a.txt")


async def test_leftover_that_holds_more_than_it_says_is_told(slot: Slot) -> None:
    bomb = zipped({"__MACOSX/x": bytes(2**22)}, zipfile.ZIP_DEFLATED)
    faults = await faults_of(in_both(bomb, 24, 10, 4), slot)
    assert faults[0] == ("empty", "0 / 1", None)
    assert ("size", "> 10 ≠ 10 B", "__MACOSX/x") in faults


async def test_leftover_with_another_checksum_is_let_be(slot: Slot) -> None:
    assert await faults_of(in_both(zipped({".DS_Store": TEXT, "a.txt": TEXT}), 16, 1, 4), slot) == []
