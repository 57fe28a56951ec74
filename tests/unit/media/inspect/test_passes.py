"""The two passes: what ranges prove with few small reads, and what all bytes prove by passing once."""

import asyncio
import random
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rulebook import Slot
from services.media.inspect import bounds, inflate, kept
from services.media.inspect.models import Claim, Damaged
from services.media.inspect.probe import measure, measure_first
from services.media.inspect.rules import judge
from services.media.inspect.source import BLOCK
from services.media.inspect.whole import work_off
from tests.data.make_packages import RECIPES, ffmpeg, make
from tests.data.make_rars import Member, rar5
from tests.unit.media.inspect.archives import directory_at, in_both, in_end, zipped
from tests.unit.media.inspect.atoms import box
from tests.unit.media.inspect.memory import MemorySource, SparseSource

FAR = 2**28


class CountedSource(MemorySource):
    """Counts the streams that were begun too, and answers as late as a store does."""

    streams = 0

    async def read(self, start: int, length: int) -> bytes:
        data = await super().read(start, length)
        await asyncio.sleep(0)
        return data

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        self.streams += 1
        async for chunk in super().stream(start, length):
            yield chunk


@pytest.fixture(scope="module")
def film(clip: Path) -> bytes:
    return clip.read_bytes()


def stretched(film: bytes) -> SparseSource:
    """A stored package of a video whose samples are 256 MiB of zeros longer; its CRC is that of the short one."""
    data = bytearray(film)
    head, end = data.index(b"mdat") - 4, data.index(b"moov") - 4
    data[head : head + 4] = (end - head + FAR).to_bytes(4, "big")
    package, size = zipped({"片.mp4": bytes(data)}), len(data) + FAR
    at = package.index(b"moov") - 4
    package = in_both(in_both(package, 20, size, 4), 24, size, 4)
    package = in_end(package, 16, directory_at(package) + FAR, 4)
    return SparseSource(package[:at], FAR, package[at:])


async def test_stored_package_has_its_first_verdict_by_three_small_reads(film: bytes, slots: dict[str, Slot]) -> None:
    source = stretched(film)
    facts = await measure_first(source, slots["video"])
    [file] = facts.files or ()
    assert (file.content is not None, facts.faults, facts.complete) == (True, (), False)
    assert source.requests <= 3
    assert source.fetched <= 3 * BLOCK


async def test_whole_pass_finds_what_ranges_cannot_see(film: bytes, slots: dict[str, Slot]) -> None:
    facts = await measure(stretched(film), slots["video"])
    assert ([fault.code for fault in facts.faults], facts.complete) == (["crc"], True)


async def test_first_verdict_says_nothing_about_the_checksum(film: bytes, slots: dict[str, Slot]) -> None:
    source = stretched(film)
    verdict = judge(await measure_first(source, slots["video"]), slots["video"], Claim(source.size, "0" * 64))
    assert [finding.rule for finding in verdict.findings if finding.rule.startswith("upload")] == ["upload.size"]


@pytest.fixture(scope="module", params=["index last", "fragmented"])
def heavy(request: pytest.FixtureRequest, folder: Path, film: bytes, clip: Path) -> bytes:
    """A video too large to be kept whole, what matters of it far apart."""
    fill = random.Random(7).randbytes(kept.SMALL)
    box = (8 + len(fill)).to_bytes(4, "big") + b"free" + fill
    at, data = film.index(b"moov") - 4, film
    if request.param == "fragmented":
        flags = "+frag_keyframe+empty_moov+default_base_moof"
        data = ffmpeg("-i", clip, "-c", "copy", "-movflags", flags, folder / "fragments.mp4").read_bytes()
        at = data.index(b"moof") - 4
    return data[:at] + box + data[at:]


async def test_deflated_package_is_proven_at_once_by_one_stream(heavy: bytes, slots: dict[str, Slot]) -> None:
    source = CountedSource(zipped({"片.mp4": heavy}, zipfile.ZIP_DEFLATED))
    facts = await measure_first(source, slots["video"])
    [file] = facts.files or ()
    assert (file.content is not None, facts.complete, facts.faults) == (True, True, ())
    assert source.streams == 1
    assert source.requests <= 2 + inflate.MARK_EVERY // inflate.FEED
    alone = CountedSource(zipped({"片.mp4": heavy}))
    assert (await measure_first(alone, slots["video"])).files == facts.files
    assert (alone.streams, (await measure(alone, slots["video"])).files) == (0, facts.files)


async def test_deflated_package_is_measured_without_reading_it_again(
    heavy: bytes, slots: dict[str, Slot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TRIED", 0)
    source = CountedSource(zipped({"片.mp4": heavy}, zipfile.ZIP_DEFLATED))
    assert (await measure_first(source, slots["video"])).complete
    assert (source.streams, source.requests) == (1, 2)


async def test_small_package_is_read_by_one_request_and_proven(film: bytes, slots: dict[str, Slot]) -> None:
    source = CountedSource(zipped({"片.mp4": film}))
    assert (await measure_first(source, slots["video"])).complete
    assert (source.requests, source.streams) == (1, 0)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), room=st.integers(0, 900), step=st.integers(1, 64))
async def test_what_was_kept_is_what_lies_there(data: st.DataObject, room: int, step: int) -> None:
    kinds = [b"mdat", *data.draw(st.lists(st.sampled_from([b"moov", b"moof", b"mdat", b"free"]), max_size=8))]
    boxes = [(8 + 3 * n * n).to_bytes(4, "big") + kind + bytes([n]) * 3 * n * n for n, kind in enumerate(kinds, 1)]
    whole = b"".join(boxes) + data.draw(st.binary(max_size=20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "SMALL", 0)
        patch.setattr(kept, "FIRST", 24)
        keeper = kept.Keeper(len(whole), room)
        for at in range(0, len(whole), step):
            keeper.see(whole[at : at + step])
    assert keeper.kept <= room
    source = MemorySource(whole)
    seen = kept.Kept(source, keeper)
    index = [number for number, kind in enumerate(kinds) if kind in kept.INDEX]
    assert [await seen.read(len(b"".join(boxes[:n])), len(boxes[n])) for n in index] == [boxes[n] for n in index]
    assert source.requests == 0 or room < len(whole) + 24
    start = data.draw(st.integers(0, len(whole) - 1))
    length = data.draw(st.integers(0, len(whole) - start))
    assert await seen.read(start, length) == whole[start : start + length]
    assert b"".join([chunk async for chunk in seen.stream(start, length)]) == whole[start : start + length]


def test_many_fragments_are_kept_in_no_time() -> None:
    fragment = box(b"moof", bytes(100)) + box(b"mdat", bytes(200))
    count = bounds.BOXES // 2 - 1
    keeper = kept.Keeper(8 + 2 * kept.SMALL, room=2 * kept.SMALL)
    film = box(b"free", bytes(kept.FIRST)) + fragment * count
    began = time.process_time()
    keeper.see(film)
    assert time.process_time() - began < 1
    assert kept.FIRST + 108 * count < keeper.kept < kept.FIRST + 150 * count


@pytest.mark.parametrize("kind", RECIPES)
async def test_whole_pass_only_ever_adds_to_what_the_first_found(
    kind: str, folder: Path, slots: dict[str, Slot]
) -> None:
    data, slot = make(kind, folder).read_bytes(), slots[RECIPES[kind].slot]
    first, whole = await measure_first(MemorySource(data), slot), await measure(MemorySource(data), slot)
    assert first.files == whole.files
    assert set(first.faults) <= set(whole.faults)
    assert whole.complete


async def test_stored_rar_has_its_first_verdict_by_ranges_and_a_packed_one_at_once(
    heavy: bytes, film: bytes, slots: dict[str, Slot]
) -> None:
    source = CountedSource(rar5(Member("片.mp4".encode(), heavy)))
    first, whole = await measure_first(source, slots["video"]), await measure(source, slots["video"])
    assert (first.complete, first.files, first.faults) == (False, whole.files, ())
    packed = await measure_first(MemorySource(rar5(Member("片.mp4".encode(), film, packed=True))), slots["video"])
    assert (packed.complete, packed.faults) == (True, ())
    assert source.streams == 1


async def test_work_that_fails_is_the_last_that_was_done() -> None:
    done = list[int]()

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(9):
            yield bytes([number])

    def work(chunk: bytes) -> None:
        time.sleep(0.01)  # the ones behind it are waiting by now
        done.append(chunk[0])
        if chunk[0] == 1:
            raise Damaged("damaged", "1")

    with pytest.raises(Damaged):
        await work_off(chunks(), work)
    assert done == [0, 1]
