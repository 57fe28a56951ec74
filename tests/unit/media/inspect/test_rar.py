"""RAR archives of both kinds, honest and hostile: listed here, unpacked by a child that is given nothing else."""

import hashlib
import os
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import pytest
import rarfile

from contracts.rulebook import Slot
from services.media.inspect import bounds, kept, unpack
from services.media.inspect.formats import FAMILIES, LOOK, MOVIES, OFFICE_NAMES, SIGNS
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from tests.data.make_rars import SIGN4, SIGN5, Member, block4, block5, pack4_filtered, pack5, rar4, rar5, record, vint
from tests.unit.media.inspect.archives import zipped
from tests.unit.media.inspect.memory import BrokenSource, MemorySource
from tests.unit.media.inspect.ole import ole
from tests.unit.media.inspect.pngs import END, pixels, png

TEXT = b"what a teacher wrote " * 50
NOISE = random.Random(3).randbytes(100_000)
PLAIN = Member(b"a.txt", TEXT)
PACKED = Member(b"a.txt", TEXT, packed=True)
BOTH = pytest.mark.parametrize("rar", [rar4, rar5])
Writer = Callable[..., bytes]


@pytest.fixture
def slot(slots: dict[str, Slot]) -> Slot:
    return slots["case"]


async def facts_of(data: bytes, slot: Slot) -> PackageFacts:
    facts = await measure(MemorySource(data), slot, "package.rar")
    assert (facts.format, facts.sha256) == ("rar", hashlib.sha256(data).hexdigest())
    return facts


async def faults_of(data: bytes, slot: Slot) -> list[tuple[str, str | None]]:
    facts = await facts_of(data, slot)
    assert judge(facts, slot).outcome == "fail"
    return [(fault.code, fault.file) for fault in facts.faults]


@BOTH
@pytest.mark.parametrize("packed", [False, True])
async def test_honest_rar_reads_as_the_same_zip_does(rar: Writer, packed: bool, jpeg: Path, slot: Slot) -> None:
    photo = jpeg.read_bytes()  # noqa: ASYNC240 # a small file
    members: dict[str | bytes, bytes] = {"图/1.jpg": photo, "图/2.jpg": photo[:-2] + b"\0\xff\xd9", "说明.txt": TEXT}
    rared = rar(*(Member(str(name).encode(), data, packed) for name, data in members.items()))
    ours, theirs = await facts_of(rared, slot), await measure(MemorySource(zipped(members)), slot)
    assert (ours.files, ours.faults) == (theirs.files, ())
    assert [file.content is not None for file in ours.files or ()] == [True, True, False]


@pytest.fixture
def members(clip: Path, jpeg: Path) -> dict[str | bytes, bytes]:
    """What is read beyond its first bytes, each longer than those, and one of every format besides."""
    word = {f"{n}": NOISE[:600] for n in range(30)} | {"WordDocument": b"\xec\xa5" + NOISE[:5000]}
    docx = zipped({"[Content_Types].xml": NOISE[:9000], "word/document.xml": b"<x/>"})
    grey = png(120, 90, 8, 0, (b"tEXt", b"a\0" + NOISE[:9000]), pixels(90 * 121), END)
    deep: dict[str | bytes, bytes] = {
        "1.jpg": jpeg.read_bytes(),
        "2.png": grey,
        "3.mp4": clip.read_bytes(),
        "4.doc": ole(word),
        "5.docx": docx,
    }
    plain: dict[str | bytes, bytes] = {
        f"{n}.dat": bytes(at) + sign + NOISE[: 2 * LOOK] for n, (at, sign, _) in enumerate(SIGNS) if sign
    }
    return {**deep, **plain}


@pytest.mark.parametrize("kind", ["case", "video", "cover"])
async def test_enough_is_kept_of_every_format(
    kind: str, slots: dict[str, Slot], cover: Slot, members: dict[str | bytes, bytes]
) -> None:
    slot = {**slots, "cover": cover.model_copy(update={"container": slots["case"].container})}[kind]
    rared = rar5(*(Member(str(name).encode(), data, packed=True) for name, data in members.items()))
    ours, theirs = await facts_of(rared, slot), await measure(MemorySource(zipped(members)), slot)
    assert (ours.files, ours.faults) == (theirs.files, theirs.faults)
    looked_into = {file.name for file in ours.files or () if file.content}
    assert looked_into == {"case": {"1.jpg"}, "video": {"3.mp4"}, "cover": {"1.jpg", "2.png"}}[kind]


@pytest.mark.parametrize("extension", sorted({*chain(*FAMILIES.values()), *OFFICE_NAMES, *MOVIES}))
async def test_enough_is_kept_of_what_only_its_name_tells_of(extension: str, slot: Slot) -> None:
    """What would be an OLE file but for its signature, with its directory far behind."""
    unsigned = NOISE[:30] + (9).to_bytes(2, "little") + NOISE[32:48] + (20).to_bytes(4, "little") + NOISE[52:40_000]
    rared = rar5(Member(f"a.{extension}".encode(), unsigned, packed=True))
    ours, theirs = await facts_of(rared, slot), await measure(MemorySource(zipped({f"a.{extension}": unsigned})), slot)
    assert (ours.files, ours.faults) == (theirs.files, theirs.faults)


@BOTH
async def test_solid_archive_is_unpacked_as_one(rar: Writer, slot: Slot) -> None:
    members = Member(b"Thumbs.db", NOISE, True), Member(b"a.txt", TEXT, True, solid=True)
    facts = await facts_of(rar(*members, main=8 if rar is rar4 else 4), slot)
    assert ([file.name for file in facts.files or ()], facts.faults) == (["a.txt"], ())


@BOTH
async def test_stored_members_start_no_child(rar: Writer, slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "TOOL", ("no-such-tool",))
    assert (await facts_of(rar(PLAIN), slot)).faults == ()


@BOTH
async def test_missing_tool_is_no_verdict(rar: Writer, slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "TOOL", ("no-such-tool",))
    with pytest.raises(OSError, match="no-such-tool"):
        await facts_of(rar(PACKED), slot)


@BOTH
@pytest.mark.parametrize("fails_at", [3, 100, 800])
async def test_fault_of_the_store_is_no_verdict(rar: Writer, fails_at: int, slot: Slot) -> None:
    with pytest.raises(ConnectionError):
        await measure(BrokenSource(rar(PACKED, PLAIN), fails_at), slot)


async def test_members_beyond_memory_are_kept_on_disk_and_let_go(slot: Slot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "IN_MEMORY", 100)
    before = len(os.listdir("/proc/self/fd"))
    docx = zipped({"[Content_Types].xml": b"", "word/document.xml": b"<x/>"}, zipfile.ZIP_DEFLATED)
    facts = await facts_of(rar5(Member(b"a.docx", docx, True), Member(b"b.txt", NOISE, True)), slot)
    assert [file.format for file in facts.files or ()] == ["docx", "txt"]
    assert len(os.listdir("/proc/self/fd")) == before


HOSTILE: dict[str, tuple[bytes, list[tuple[str, str | None]]]] = {
    "signature alone 4": (SIGN4, [("truncated", None)]),
    "signature alone 5": (SIGN5, [("truncated", None)]),
    "older than 2": (b"RE~^" + bytes(50), [("damaged", None)]),
    "newer than 6": (b"Rar!\x1a\x07\x02\0" + bytes(50), [("damaged", None)]),
    "after others 5": (b"hello " * 50 + rar5(PLAIN), [("damaged", None)]),
    "after others 4": (bytes(50) + rar4(PLAIN), [("damaged", None)]),
    "no end 5": (rar5(PLAIN)[:-8], [("truncated", None)]),
    "cut in data 4": (rar4(PLAIN)[:200], [("truncated", None)]),
    "cut in data 5": (rar5(PLAIN)[:200], [("truncated", None)]),
    "header flipped 4": (rar4(PLAIN).replace(b"a.txt", b"b.txt"), [("damaged", None)]),
    "header flipped 5": (rar5(PLAIN).replace(b"a.txt", b"b.txt"), [("damaged", None)]),
    "data flipped 4": (rar4(PLAIN).replace(b"what", b"That", 1), [("crc", "a.txt")]),
    "data flipped 5": (rar5(PLAIN).replace(b"what", b"That", 1), [("crc", "a.txt")]),
    "packed, wrong crc 4": (rar4(Member(b"a.txt", TEXT, True, crc=1)), [("crc", "a.txt")]),
    "packed, wrong crc 5": (rar5(Member(b"a.txt", TEXT, True, crc=1)), [("crc", "a.txt")]),
    "packed is noise 5": (rar5(Member(b"a.txt", NOISE, method=3 << 7)), [("damaged", "a.txt")]),
    "packed is noise 4": (rar4(Member(b"a.txt", NOISE, method=0x33)), [("damaged", "a.txt")]),
    "stored, two sizes 4": (rar4(Member(b"a.txt", TEXT, size=5)), [("size", "a.txt")]),
    "stored, two sizes 5": (rar5(Member(b"a.txt", TEXT, size=5)), [("size", "a.txt")]),
    "packed says larger": (rar5(Member(b"a.txt", TEXT, True, size=5000)), [("damaged", "a.txt")]),
    "declared bomb": (rar5(Member(b"a.txt", TEXT, True, size=2**31)), [("bomb", None)]),
    "sizes past all": (rar5(Member(b"a.txt", TEXT, True, size=2**69)), [("bomb", None)]),
    "size unknown": (rar5(Member(b"a.txt", TEXT, True, flags=8)), [("method", "a.txt")]),
    "rar 7": (rar5(Member(b"a.txt", TEXT, True, method=3 << 7 | 1)), [("method", "a.txt")]),
    "dictionary": (rar5(Member(b"a.txt", TEXT, True, method=3 << 7 | 15 << 10)), [("method", "a.txt")]),
    "rar 1.5": (rar4(Member(b"a.txt", TEXT, True, version=15)), [("method", "a.txt")]),
    "password 4": (rar4(Member(b"a.txt", TEXT, flags=4)), [("encrypted", "a.txt")]),
    "password 5": (rar5(Member(b"a.txt", TEXT, extra=record(1, bytes(35)))), [("encrypted", "a.txt")]),
    "names hidden 4": (SIGN4 + block4(0x73, 0x80, bytes(6)) + NOISE, [("encrypted", None)]),
    "names hidden 5": (SIGN5 + block5(4, 0, bytes(19)) + NOISE, [("encrypted", None)]),
    "volume 4": (rar4(Member(b"a.txt", TEXT, flags=2), main=1), [("split", None)]),
    "later volume 4": (rar4(PLAIN, main=0x11), [("split", None)]),
    "volume 5": (rar5(Member(b"a.txt", TEXT, block_flags=0x10), main=1), [("split", None)]),
    "later volume 5": (rar5(PLAIN, main=3), [("split", None)]),
    "next volume 5": (rar5(PLAIN, end=1), [("split", None)]),
    "link 4": (rar4(Member(b"a.txt", b"/etc/passwd", host=3, mode=0xA1FF)), [("link", "a.txt")]),
    "device 4": (rar4(Member(b"a.txt", b"x", host=3, mode=0x61FF)), [("link", "a.txt")]),
    "link 5": (rar5(Member(b"a.txt", b"", extra=record(5, b"\1\0\x04/etc"))), [("link", "a.txt")]),
    "junction 5": (rar5(Member(b"a.txt", b"", extra=record(5, b"\3\0\x01x"))), [("link", "a.txt")]),
    "reference 5": (rar5(PLAIN, Member(b"b.txt", b"", extra=record(5, b"\5\0\5a.txt"))), [("link", "b.txt")]),
    "parent": (rar5(Member(b"../a.txt", TEXT)), [("path", "../a.txt")]),
    "windows parent": (rar4(Member(b"..\\a.txt", TEXT)), [("path", "../a.txt")]),
    "drive": (rar5(Member(b"C:/a.txt", TEXT)), [("path", "C:/a.txt")]),
    "twice": (rar5(PLAIN, PLAIN), [("duplicate", "a.txt")]),
    "unknown block 5": (rar5(PLAIN, before=block5(9, 0)), [("damaged", None)]),
    "two beginnings": (rar5(PLAIN, before=block5(1, 0, vint(0))), [("damaged", None)]),
    "no beginning": (SIGN5 + block5(5, 0, vint(0)), [("damaged", None)]),
    "empty": (rar5(), [("empty", None)]),
    "absurd count": (rar4(*[Member(b"a", b"")] * bounds.ENTRIES), [("too-many", None)]),
    "header without end": (SIGN5 + b"\x80" * 100_000, [("damaged", None)]),
    "header of 2 MB": (SIGN5 + bytes(4) + b"\xff\xff\x7f" + bytes(2**21), [("damaged", None)]),
    "block that claims all": (rar5(PLAIN, before=block5(3, 2, vint(2**63) + bytes(9))), [("truncated", None)]),
    "dates past all": (rar5(Member(b"a.txt", b"x", extra=record(3, b"\2" + b"\xff" * 8))), [("damaged", None)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_rar_has_its_own_fault(kind: str, slot: Slot) -> None:
    data, faults = HOSTILE[kind]
    assert await faults_of(data, slot) == faults


@BOTH
async def test_comment_service_and_surplus_do_no_harm(rar: Writer, slot: Slot) -> None:
    comment = Member(b"CMT", TEXT, packed=True, service=True)
    facts = await facts_of(rar(comment, PACKED, comment) + b"more", slot)
    assert [(fault.code, fault.measured) for fault in facts.faults] == [("surplus", "0 + 4 B")]
    assert [file.name for file in facts.files or ()] == ["a.txt"]


async def test_member_that_ends_early_is_told_with_what_came_of_it(slot: Slot) -> None:
    [fault] = (await measure(MemorySource(rar5(Member(b"a.txt", TEXT, True, size=len(TEXT) + 9))), slot)).faults
    assert (fault.code, fault.file, fault.measured.endswith(f" / {len(TEXT) + 9} B")) == ("damaged", "a.txt", True)


async def test_empty_member_that_makes_the_tool_run_for_ever_never_reaches_it(slot: Slot) -> None:
    empty = Member(b"a.txt", b"", method=0, extra=record(3, b"\2" + bytes(8)))
    assert await faults_of(rar5(empty), slot) == []


@pytest.mark.parametrize("tool", [("yes", "for ever"), ("python3", "-c", "import os\nwhile True: os.write(2, b'no!')")])
async def test_tool_that_does_not_stop_is_stopped(
    tool: tuple[str, ...], slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "TOOL", tool)
    [fault] = (await facts_of(rar5(PACKED), slot)).faults
    assert (fault.code, fault.measured, fault.file) == ("damaged", f"{tool[0]}: overrun", "a.txt")


ENDLESS = bytes((0x40, 0x40, 0))
"""A filter that jumps to itself."""


@pytest.mark.parametrize("silent", [1, 100])
async def test_filter_that_never_ends_is_stopped_by_what_is_written_and_by_what_is_packed(
    silent: int, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpack, "SILENT", silent)
    endless = Member(b"a.txt", pack4_filtered(TEXT, ENDLESS), method=0x33, size=63 * 2**20, crc=0)
    before = os.times()
    [fault] = (await facts_of(rar4(endless), slot)).faults
    assert (fault.code, fault.measured, fault.file) == ("damaged", unpack.SLOW, "a.txt")
    assert os.times().children_user - before.children_user < 3


async def test_bomb_is_stopped_by_the_bytes_that_come_out(slot: Slot) -> None:
    big = Member(b"a.txt", pack5(bytes(2**22)), size=1000, crc=0, method=3 << 7)
    assert await faults_of(rar5(big), slot) == [("damaged", "a.txt")]


@pytest.mark.parametrize("packed", [False, True])
async def test_blake_is_proven_where_it_stands_for_the_crc(packed: bool, slot: Slot) -> None:
    total = rarfile.Blake2SP()
    total.update(TEXT)
    right = Member(b"a.txt", TEXT, packed, blake=total.digest())
    assert (await facts_of(rar5(right), slot)).faults == ()
    assert await faults_of(rar5(replace(right, blake=bytes(32))), slot) == [("crc", "a.txt")]


async def test_rar_name_is_read_in_any_encoding(slot: Slot) -> None:
    names = ["活动视频.txt".encode(), "活动视频.txt".encode("gb18030"), "臺灣活動.txt".encode("cp950")]
    for raw, name in zip(names, ["活动视频.txt", "活动视频.txt", "臺灣活動.txt"], strict=True):
        facts = await facts_of(rar4(Member(raw, TEXT)), slot)
        assert ([file.name for file in facts.files or ()], facts.faults) == ([name], ())


async def test_rar_is_measured_the_same_from_chunks_of_any_size(slot: Slot) -> None:
    data = rar5(PACKED, Member(b"b.txt", NOISE), Member(b"c.txt", NOISE, True))
    whole = await measure(MemorySource(data), slot)
    for chunk in (7, 1000):
        assert await measure(MemorySource(data, chunk), slot) == whole
