"""Zips that say two things, say them in the long form, or are something else altogether."""

import io
import struct
import zipfile
import zlib

import pytest

from contracts.rulebook import Slot
from services.media.inspect.kinds import LOOSE, PACK, REPACK
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from services.media.inspect.spoilt import FAULTS
from tests.unit.media.inspect.archives import (
    change,
    directory_at,
    in_both,
    in_directory,
    in_end,
    long_form,
    streamed,
    zipped,
)
from tests.unit.media.inspect.memory import MemorySource

TEXT = b"what a teacher wrote " * 50
STORED = zipped({"a.txt": TEXT})
STREAMED = streamed({"a.txt": TEXT})
LONG = long_form(STORED)
LONGER = long_form(STORED, more=bytes(28))


@pytest.fixture
def slot(slots: dict[str, Slot]) -> Slot:
    return slots["video"]


async def facts_of(data: bytes, slot: Slot) -> PackageFacts:
    return await measure(MemorySource(data), slot, "package.zip")


def descriptor_at(data: bytes) -> int:
    return data.index(b"PK\7\x08")


def unsigned(data: bytes) -> bytes:
    """A streamed zip whose descriptor has no signature."""
    at = descriptor_at(data)
    return in_end(data[:at] + data[at + 4 :], 16, directory_at(data) - 4, 4)


def without_descriptor(data: bytes) -> bytes:
    at = descriptor_at(data)
    return in_end(data[:at] + data[at + 16 :], 16, directory_at(data) - 16, 4)


def end64_field(data: bytes, field: int, value: int, width: int) -> bytes:
    """A field of the ZIP64 end record replaced: 16 disk, 24 and 32 entries, 40 size, 48 offset."""
    return change(data, data.index(b"PK\6\6") + field, value, width)


def commented(data: bytes, comment: bytes) -> bytes:
    return in_end(data, 20, len(comment), 2) + comment


HOSTILE: dict[str, tuple[bytes, list[tuple[str, str | None]]]] = {
    "reserved name": (zipped({"CON.mp4": TEXT}), [("name", "CON.mp4")]),
    "trailing dot": (zipped({"视频./a.txt": TEXT}), [("name", "视频./a.txt")]),
    "trailing space": (zipped({"a.txt ": TEXT}), [("name", "a.txt ")]),
    "control letter": (zipped({b"a\x01.txt": TEXT}), [("name", "a\\u0001.txt")]),
    "turned text": (zipped({"a\u202e4pm.exe": TEXT}), [("name", "a\\u202e4pm.exe")]),
    "overlong name": (zipped({"长" * 90 + ".txt": TEXT}), [("name", "长" * 90 + ".txt")]),
    "deep folders": (zipped({"a/" * 40 + "b.txt": TEXT}), [("name", "a/" * 40 + "b.txt")]),
    "case alone": (zipped({"a.txt": TEXT, "A.TXT": TEXT}), [("case", "A.TXT")]),
    "slash and backslash": (zipped({b"x/a.txt": TEXT, b"x\\a.txt": TEXT}), [("duplicate", "x/a.txt")]),
    "file and folder": (zipped({"a": TEXT, "a/b.txt": TEXT}), [("duplicate", "a/b.txt")]),
    "folder with data": (zipped({"a.tx/": TEXT}), [("folder", "a.tx/"), ("empty", None)]),
    "no name": (zipped({b"": TEXT}), [("path", "(无名 unnamed)")]),
    "nothing in it": (zipped({}), [("empty", None)]),
    "folders alone": (zipped({"视频/": b""}), [("empty", None)]),
    "leftovers alone": (zipped({"__MACOSX/._a": b"x"}), [("empty", None)]),
    "device": (in_directory(in_directory(STORED, 38, 0x61FF << 16, 4), 5, 3, 1), [("link", "a.txt")]),
    "strong encryption": (in_both(STORED, 8, 0x41, 2), [("encrypted", "a.txt")]),
    "masked header": (in_both(STORED, 8, 0x2001, 2), [("encrypted", "a.txt")]),
    "first of several": (b"PK\7\x08" + STORED[:100], [("split", None)]),
    "two ends": (commented(STORED, b"see: " + STORED[-22:]), [("ambiguous", None)]),
    "descriptor lies": (change(STREAMED, descriptor_at(STREAMED) + 4, 1, 4), [("header", "a.txt")]),
    "descriptor lies unsigned": (change(unsigned(STREAMED), descriptor_at(STREAMED), 1, 4), [("header", "a.txt")]),
    "long and short disagree": (in_end(LONG, 10, 7, 2), [("ambiguous", None)]),
    "long form: sizes": (end64_field(LONG, 40, 2**40, 8), [("too-many", None)]),
    "long form: offset": (end64_field(LONG, 48, 2**40, 8), [("truncated", None)]),
    "long form: entries": (end64_field(end64_field(LONG, 24, 9, 8), 32, 9, 8), [("damaged", None)]),
    "long form: absurd": (end64_field(end64_field(LONG, 24, 2**40, 8), 32, 2**40, 8), [("too-many", None)]),
    "long form: disk": (in_end(end64_field(LONG, 16, 3, 4), 4, 2**16 - 1, 2), [("split", None)]),
    "long form: disks": (change(LONG, LONG.index(b"PK\6\7") + 16, 3, 4), [("split", None)]),
    "long form: no record": (LONG.replace(b"PK\6\6", b"PK\6\0"), [("damaged", None)]),
    "long form: no field": (in_both(STORED, 24, 2**32 - 1, 4), [("damaged", None)]),
    "long form: directory hidden": (LONGER.replace(b"PK\1\2", b"xxxx"), [("encrypted", None)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_zip_has_its_own_fault(kind: str, slot: Slot) -> None:
    data, faults = HOSTILE[kind]
    facts = await facts_of(data, slot)
    assert [(fault.code, fault.file) for fault in facts.faults] == faults


@pytest.mark.parametrize(
    "data", [LONG, LONGER, unsigned(STREAMED), without_descriptor(STREAMED), commented(STORED, b"PK\5\6")]
)
async def test_honest_zip_of_a_rare_form_is_read(data: bytes, slot: Slot) -> None:
    facts = await facts_of(data, slot)
    assert ([(file.name, file.size) for file in facts.files or ()], facts.faults) == ([("a.txt", len(TEXT))], ())


MEASURED = {
    "folders alone": (zipped({"视频/": b""}), "empty", "0 / 1"),
    "directory too large": (in_end(STORED, 12, 2**23, 4), "too-many", "1 entries, 8388608 B"),
    "no directory": (STORED[:200], "truncated", "no directory, 200 B"),
    "local header": (STORED.replace(b"a.txt", b"b.txt", 1), "header", "local header @0"),
}


@pytest.mark.parametrize("kind", MEASURED)
async def test_fault_says_what_was_measured(kind: str, slot: Slot) -> None:
    data, code, measured = MEASURED[kind]
    assert [(each.code, each.measured) for each in (await facts_of(data, slot)).faults] == [(code, measured)]


async def test_last_part_of_a_split_zip_is_called_that(slot: Slot) -> None:
    facts = await facts_of(bytes(100) + in_end(STORED, 4, 2, 2)[60:], slot)
    assert (facts.format, [fault.code for fault in facts.faults]) == ("zip", ["split"])


async def test_name_in_no_known_encoding_fails_nothing(slot: Slot) -> None:
    facts = await facts_of(zipped({b"\x80\x81/\xfb\xff.txt": TEXT}), slot)
    assert ([file.name for file in facts.files or ()], facts.faults) == (["%80%81/%FB%FF.txt"], ())


async def test_descriptor_left_out_before_the_next_member_is_no_fault(slot: Slot) -> None:
    facts = await facts_of(in_both(zipped({"a.txt": TEXT, "b.txt": TEXT}), 8, 8, 2), slot)
    assert facts.faults == ()


@pytest.mark.parametrize(("method", "name"), [(9, "deflate64"), (12, "bzip2"), (14, "lzma"), (93, "zstd"), (95, "xz")])
async def test_unknown_method_is_named_with_the_way_to_pack_it_again(method: int, name: str, slot: Slot) -> None:
    facts = await facts_of(in_both(STORED, 10, method, 2), slot)
    [finding] = [each for each in judge(facts, slot).findings if each.rule == "file.method"]
    assert (finding.measured, name in finding.message.zh, "Deflate" in finding.mend.zh) == (name, True, True)


async def test_field_of_the_name_counts_with_the_right_crc_alone(slot: Slot) -> None:
    raw = "活动.txt".encode("gbk")
    for crc, name in ((zlib.crc32(raw), "真名.txt"), (1, "活动.txt")):
        field = b"\1" + crc.to_bytes(4, "little") + "真名.txt".encode()
        info = zipfile.ZipInfo("x" * len(raw))
        info.extra = struct.pack("<2H", 0x7075, len(field)) + field
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(info, TEXT)
        facts = await facts_of(buffer.getvalue().replace(b"x" * len(raw), raw), slot)
        assert ([file.name for file in facts.files or ()], facts.faults) == ([name], ())


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "empty", "空文件"),
        (b"<html><body>404", "html", "网页"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z", "这是 7z 压缩包。"),
        (b"\x1f\x8b\x08" + bytes(50), "gz", "这是 gz 压缩文件。"),
        (bytes(257) + b"ustar", "tar", "这是 tar 归档。"),
        (b"MZ" + bytes(64) + STORED, "exe", "自解压"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "mp4", "这是 MP4 视频，没有打包。"),
        (b"\xff\xd8\xff\xe0" + bytes(50), "jpg", "这是 JPEG 图片，没有打包。"),
        (zipped({"[Content_Types].xml": b"", "word/document.xml": b""}), "docx", "这是 Word 文档（docx），没有打包。"),
        (b"what a teacher wrote", "txt", "这是 纯文本，没有打包。"),
        (b"what\0a teacher wrote", "unknown", "无法识别"),
    ],
)
async def test_upload_of_another_kind_is_called_by_its_name(data: bytes, kind: str, words: str, slot: Slot) -> None:
    verdict = judge(await facts_of(data, slot), slot)
    [finding] = [each for each in verdict.findings if each.rule == "container.format"]
    assert (verdict.outcome, finding.measured, words in finding.message.zh) == ("fail", kind, True)
    assert finding.mend in {PACK, REPACK, LOOSE["nothing"]}


def test_every_fault_is_told_in_both_languages() -> None:
    for trouble in FAULTS.values():
        assert all(any("一" <= letter <= "鿿" for letter in text) for text in (trouble.zh, trouble.mend_zh))
        assert all(text.isascii() or "“" in text or "字数" in text for text in (trouble.en, trouble.mend_en))
