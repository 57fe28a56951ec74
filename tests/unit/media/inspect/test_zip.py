"""Archives, honest and hostile: each lie has its own fault, and none is followed."""

import hashlib
import io
import random
import zipfile
import zlib

import pytest

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.inflate import FEED, MARK_EVERY, Inflated
from services.media.inspect.models import Claim, Damaged, PackageFacts
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge
from services.media.inspect.source import AHEAD
from tests.unit.media.inspect.archives import change, directory_at, in_both, in_directory, in_end, streamed, zipped
from tests.unit.media.inspect.memory import BrokenSource, MemorySource

TEXT = b"what a teacher wrote " * 50
STORED = zipped({"a.txt": TEXT})
DEFLATED = zipped({"a.txt": TEXT}, zipfile.ZIP_DEFLATED)
TWO = zipped({"a.txt": TEXT, "b.txt": TEXT})


@pytest.fixture
def slot(slots: dict[str, Slot]) -> Slot:
    return slots["video"]


async def facts_of(data: bytes, slot: Slot) -> PackageFacts:
    facts = await measure(MemorySource(data), slot, "package.zip")
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert judge(facts, slot).outcome == "fail"
    return facts


def as_link(data: bytes) -> bytes:
    return in_directory(in_directory(data, 38, 0xA1FF << 16, 4), 5, 3, 1)


def doubled_local(data: bytes) -> bytes:
    """Two entries of the directory over one stretch of bytes, as the bombs of 2019 do."""
    second = directory_at(TWO) + 46 + len("a.txt")
    return change(data, second + 42, 0, 4)


HOSTILE: dict[str, tuple[bytes, list[tuple[str, str | None]]]] = {
    "cut": (STORED[:-200], [("truncated", None)]),
    "head alone": (STORED[:40], [("truncated", None)]),
    "encrypted": (in_both(STORED, 8, 1, 2), [("encrypted", "a.txt")]),
    "aes": (in_both(STORED, 10, 99, 2), [("encrypted", "a.txt")]),
    "method": (in_both(STORED, 10, 12, 2), [("method", "a.txt")]),
    "crc": (in_both(STORED, 16, 1, 4), [("crc", "a.txt")]),
    "crc deflated": (in_both(DEFLATED, 16, 1, 4), [("crc", "a.txt")]),
    "flipped byte": (change(STORED, 60, 0, 1), [("crc", "a.txt")]),
    "flipped deflate": (change(DEFLATED, 36, 0xFF, 1), [("damaged", "a.txt")]),
    "says smaller": (in_both(DEFLATED, 24, 10, 4), [("size", "a.txt")]),
    "says larger": (in_both(DEFLATED, 24, 2000, 4), [("size", "a.txt")]),
    "stored, two sizes": (in_both(STORED, 24, 10, 4), [("size", "a.txt")]),
    "local differs": (change(STORED, 30, ord("b"), 1), [("header", "a.txt")]),
    "local method differs": (change(DEFLATED, 8, 0, 2), [("header", "a.txt")]),
    "offset elsewhere": (in_directory(STORED, 42, 5, 4), [("surplus", None), ("header", "a.txt")]),
    "offset outside": (in_directory(STORED, 42, 2**31, 4), [("damaged", None)]),
    "overlap": (doubled_local(TWO), [("overlap", None)]),
    "split": (in_end(STORED, 4, 1, 2), [("split", None)]),
    "member on disk 3": (in_directory(STORED, 34, 3, 2), [("split", None)]),
    "count too high": (in_end(in_end(STORED, 8, 7, 2), 10, 7, 2), [("damaged", None)]),
    "absurd count": (in_end(in_end(STORED, 8, 65535, 2), 10, 65535, 2), [("too-many", None)]),
    "directory elsewhere": (in_end(STORED, 16, 2**31, 4), [("truncated", None)]),
    "declared bomb": (in_both(DEFLATED, 24, 2**31, 4), [("bomb", None)]),
    "parent": (zipped({"../../etc/passwd": TEXT}), [("path", "../../etc/passwd")]),
    "windows path": (zipped({b"..\\evil.txt": TEXT}), [("path", "../evil.txt")]),
    "drive": (zipped({b"C:evil.txt": TEXT}), [("path", "C:evil.txt")]),
    "root": (zipped({"/evil.txt": TEXT}), [("path", "/evil.txt")]),
    "link": (as_link(STORED), [("link", "a.txt")]),
    "twice": (TWO.replace(b"b.txt", b"a.txt"), [("duplicate", "a.txt")]),
    "before": (b"MZ" + bytes(100) + STORED, []),
    "after": (STORED + b"and then some", [("surplus", None)]),
    "inside": (zipped({"inner.zip": STORED}), [("nested", "inner.zip")]),
    "many files": (zipped({f"{n}.txt": b"" for n in range(bounds.FILES + 1)}), [("too-many", None)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_archive_has_its_own_fault(kind: str, slot: Slot) -> None:
    data, faults = HOSTILE[kind]
    facts = await facts_of(data, slot)
    assert [(fault.code, fault.file) for fault in facts.faults] == faults


async def test_bomb_is_stopped_by_the_bytes_it_inflates_to(slot: Slot) -> None:
    bomb = zipped({"zeros.mp4": bytes(2**28)}, zipfile.ZIP_DEFLATED)
    assert [fault.code for fault in (await facts_of(bomb, slot)).faults] == ["bomb"]
    modest = in_both(bomb, 24, 1000, 4)
    [fault] = (await facts_of(modest, slot)).faults
    assert (fault.code, fault.measured) == ("size", "> 1000 ≠ 1000 B")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "empty"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(50), "7z"),
        (b"<html>not found</html>", "html"),
        (b"\r\n<!DOCTYPE HTML>", "html"),
        (b"MZ" + STORED, "exe"),
        (b"\x1f\x8b\x08" + bytes(50), "gz"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "mp4"),
    ],
)
async def test_what_is_no_archive_is_called_by_what_it_is(data: bytes, kind: str, slot: Slot) -> None:
    facts = await facts_of(data, slot)
    assert (facts.format, facts.faults, facts.files) == (kind, (), None)


async def test_zip64_and_descriptors_are_read(slot: Slot) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("a.txt", "w", force_zip64=True) as member:
        member.write(TEXT)
    for data in (buffer.getvalue(), streamed({"a.txt": TEXT})):
        facts = await facts_of(data, slot)
        assert facts.faults == ()
        assert [(file.name, file.size) for file in facts.files or ()] == [("a.txt", len(TEXT))]


async def test_comment_is_no_surplus(slot: Slot) -> None:
    buffer = io.BytesIO(STORED)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"made by hand " * 1000
    assert (await facts_of(buffer.getvalue(), slot)).faults == ()


async def test_other_bytes_than_promised_are_told(slot: Slot) -> None:
    facts = await measure(MemorySource(STORED), slot)
    wrong = Claim(size=len(STORED), sha256="0" * 64)
    right = Claim(size=len(STORED), sha256=hashlib.sha256(STORED).hexdigest())
    assert [f.rule for f in judge(facts, slot, wrong).findings if f.rule.startswith("upload") and not f.ok] == [
        "upload.sha256"
    ]
    assert [f.ok for f in judge(facts, slot, right).findings if f.rule.startswith("upload")] == [True, True]


@pytest.mark.parametrize("fails_at", [0, 500, len(STORED) - 1])
async def test_fault_of_the_store_is_no_verdict(fails_at: int, slot: Slot) -> None:
    with pytest.raises(ConnectionError):
        await measure(BrokenSource(STORED, fails_at), slot)


async def test_deflated_member_reads_anywhere() -> None:
    plain = random.Random(7).randbytes(2**16) * 200
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = packer.compress(plain) + packer.flush()
    source = Inflated(MemorySource(packed), len(plain))
    for start in (len(plain) - 10, 0, 5 * MARK_EVERY // 2, 1, len(plain) - 2 * MARK_EVERY):
        assert await source.read(start, 10) == plain[start : start + 10]
    with pytest.raises(Damaged) as refused:
        await Inflated(MemorySource(packed), len(plain) + 1).read(len(plain) - 1, 2)
    assert refused.value.code == "size"


async def test_deflated_member_read_in_order_takes_few_requests_and_elsewhere_only_what_is_needed() -> None:
    plain = random.Random(7).randbytes(20 * 2**20)
    packed = MemorySource(zlib.compress(plain, 1, -15))
    source = Inflated(packed, len(plain))
    pieces = [await source.read(at, 2**20) for at in range(0, len(plain), 2**20)]
    assert (b"".join(pieces), packed.fetched) == (plain, packed.size)
    assert packed.requests <= packed.size // AHEAD + (AHEAD // FEED).bit_length()
    before = packed.fetched
    for start in (2 * MARK_EVERY, 0):
        assert await source.read(start, 10) == plain[start : start + 10]
    assert packed.fetched - before <= 2 * FEED


async def test_stream_that_ends_early_is_told_whatever_follows_it() -> None:
    packed = zlib.compress(bytes(100), 6, -15) + bytes(10_000)
    for start, length in ((0, 1000), (500, 10)):
        with pytest.raises(Damaged) as refused:
            await Inflated(MemorySource(packed), 1000).read(start, length)
        assert (refused.value.code, refused.value.measured) == ("size", "100 < 1000 B")


async def test_jumping_about_in_a_deflated_member_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.media.inspect.inflate.PATIENCE_FREE", 0)
    packed = zlib.compress(bytes(2**20), 6, -15)
    source = Inflated(MemorySource(packed), 2**20)

    async def jump(times: int) -> None:
        for _ in range(times):
            await source.read(2**20 - 1, 1)
            await source.read(0, 1)

    await jump(3)
    with pytest.raises(Damaged) as refused:
        await jump(3)
    assert refused.value.code == "absurd"


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000, 2**20])
async def test_chunks_of_any_size_prove_the_same(chunk: int, slot: Slot) -> None:
    assert (await measure(MemorySource(DEFLATED, chunk), slot)) == (await measure(MemorySource(DEFLATED), slot))
