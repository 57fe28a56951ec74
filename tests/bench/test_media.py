"""A verdict on a package of 250 MB in the store, against downloading it, extracting it and asking ffprobe: the first,
and of a deflated package the second too, for which every byte is read and inflated."""

import asyncio
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import time
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

import deflate
import pytest
from isal import isal_zlib
from zlib_ng import zlib_ng

from chassis.objects import ObjectStore
from contracts.events.media import StoredObject
from contracts.rulebook import Slot
from services.media.inspect.decode import Budget
from services.media.inspect.disk import DiskSource
from services.media.inspect.members import names_length
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure, measure_first
from services.media.inspect.source import Source
from services.media.inspect.tools import find
from services.media.inspect.zip import LOCAL_HEAD
from services.media.objects import Packages
from tests.bench.packages import film, large, must_pass, upload, video_slot
from tests.bench.result import report, report_limit
from tests.bench.wire import wire
from tests.data.make_packages import pack
from tests.support.kinds import ObjectStore as Bucket
from tests.support.kinds import connect_s3

GIGABIT = 125_000_000
FEED = 2**18
SLOT = video_slot()
Look = Callable[[Source, Slot, str], Awaitable[PackageFacts]]
pytestmark = pytest.mark.timeout(600)  # 250 MB are made once for a machine, and fetched again and again


@dataclass(frozen=True)
class Case:
    """A package in the store."""

    s3: Bucket
    pinned: StoredObject
    file: Path

    @classmethod
    def of(cls, s3: Bucket, kind: str) -> Self:
        """A large package of a kind, uploaded."""
        return cls(s3, upload(s3, large(kind)), large(kind))

    @property
    def size(self) -> int:
        return self.file.stat().st_size

    def over(self, endpoint: str) -> Self:
        """The same behind another line."""
        return replace(self, s3=replace(self.s3, endpoint=endpoint))

    def ours(self, times: int = 1, look: Look = measure_first) -> list[float]:
        """Seconds from asking to a verdict, each time, connections kept as workers keep them."""
        return asyncio.run(self._ours(times, look))

    def whole(self) -> list[float]:
        """The same until every byte was read and inflated, before any of it is decoded."""
        return self.ours(look=read_whole)

    async def _ours(self, times: int, look: Look) -> list[float]:
        s3 = self.s3
        packages = Packages(ObjectStore(s3.endpoint, s3.endpoint, s3.access_key, s3.secret_key, s3.bucket))
        took = []
        for _ in range(times):
            started = time.perf_counter()
            must_pass(await look(packages.source(self.pinned, self.size), SLOT, self.pinned.key), SLOT)
            took.append(time.perf_counter() - started)
        return took

    def peer(self, folder: Path) -> float:
        """Seconds to download, extract and ask ffprobe."""
        shutil.rmtree(folder, ignore_errors=True)
        client, package = connect_s3(self.s3), folder / "package.zip"
        client.bucket_exists(self.s3.bucket)
        started = time.perf_counter()
        client.fget_object(self.s3.bucket, self.pinned.key, str(package))
        with zipfile.ZipFile(package) as archive:
            [video] = [archive.extract(name, folder) for name in archive.namelist()]
        asked = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", video]
        said = json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=60).stdout)
        assert {stream["codec_type"] for stream in said["streams"]} == {"video", "audio"}
        return time.perf_counter() - started


async def read_whole(source: Source, slot: Slot, name: str) -> PackageFacts:
    """The second look without the decoder, which takes as long as there are pictures: see `media.decoding`."""
    return await measure(source, slot, name, Budget(0, partly=False))


@pytest.fixture(scope="module")
def stored(s3: Bucket) -> Case:
    return Case.of(s3, "stored")


@pytest.fixture(scope="module")
def deflated(s3: Bucket) -> Case:
    return Case.of(s3, "deflated")


def test_media_stored(stored: Case, tmp_path: Path) -> None:
    with wire(stored.s3.endpoint) as line:
        stored.over(line.endpoint).ours()
        requests, answered = line.counts()
    report_limit("media.stored.requests", requests, 6, "requests")
    report_limit("media.stored.bytes", answered / stored.size * 100, 0.2, "% of the package")
    _compare("media.stored", 20, lambda: stored.ours(9)[2:], lambda: stored.peer(tmp_path / "peer"), rounds=4)


def test_media_stored_1gbit(stored: Case, tmp_path: Path) -> None:
    with wire(stored.s3.endpoint, GIGABIT) as line:
        far = stored.over(line.endpoint)
        _compare("media.stored.1gbit", 60, lambda: far.ours(9)[2:], lambda: far.peer(tmp_path / "peer"), rounds=2)


def test_media_deflated(deflated: Case, tmp_path: Path) -> None:
    resident, written = _alone(deflated)
    report_limit("media.deflated.resident", resident, 150, "MB")
    report_limit("media.deflated.written", written / 1000, 64, "kB")
    _compare("media.deflated", 1.8, deflated.ours, lambda: deflated.peer(tmp_path / "peer"), rounds=4)


def test_media_decoding(tmp_path: Path) -> None:
    """A film decoded whole in a second look, against the decoder alone on the same file: CPU of both."""
    package = pack(tmp_path / "package.zip", {"片.mp4": (clip := film("testsrc2", "6500k", 60))}, zipfile.ZIP_DEFLATED)
    alone = ("ffmpeg", "-v", "error", "-threads", "1", "-i", clip, "-f", "null", "-")
    ours, peer = list[float](), list[float]()
    for _ in range(3):
        ours.append(_cpu(lambda: asyncio.run(_decoded(package))))
        peer.append(_cpu(lambda: subprocess.run([find("ffmpeg"), *alone[1:]], check=True, timeout=120)))
    report("media.decoding", 1500 / min(ours), 1500 / min(peer), 0.6, "pictures of 1080p for a second of a core's time")


async def _decoded(package: Path) -> None:
    with DiskSource(package) as source:
        must_pass(await measure(source, SLOT), SLOT)


def _cpu(work: Callable[[], object]) -> float:
    """Seconds of CPU of this process and its children that some work takes."""
    before = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - before


def test_media_deflated_limit(deflated: Case) -> None:
    _against_inflating("media.deflated.limit", 0.75, deflated, deflated.ours)


def test_media_deflated_whole(deflated: Case, tmp_path: Path) -> None:
    _compare("media.deflated.whole", 1.0, deflated.whole, lambda: deflated.peer(tmp_path / "peer"), rounds=4)
    _against_inflating("media.deflated.whole.limit", 0.5, deflated, deflated.whole)


def _against_inflating(name: str, at_least: float, case: Case, ours: Callable[[], Sequence[float]]) -> None:
    """Take turns with the libraries that inflate the same bytes in memory, and hold the best of each side against the
    other's."""
    packed, size = _packed(case.file)
    took, peer = list[float](), list[float]()
    for _ in range(4):
        took += ours()
        peer += [_timed(inflate, packed, size) for inflate in (_whole, _by_zlib_ng, _by_isal)]
    report(name, size / min(took) / 1e6, size / min(peer) / 1e6, at_least, "MB/s")


def _compare(
    name: str, at_least: float, ours: Callable[[], Sequence[float]], peer: Callable[[], float], rounds: int
) -> None:
    """Take turns, and hold the medians against each other."""
    took, peer_took = list[float](), list[float]()
    for _ in range(rounds):
        took += ours()
        peer_took.append(peer())
    report(name, 60 / statistics.median(took), 60 / statistics.median(peer_took), at_least, "packages/min")


def _alone(case: Case) -> tuple[float, float]:
    """Peak resident memory in 10^6 bytes, and bytes sent to a disk, of a process that gives both verdicts on one
    package. Its child may write no file at all, and has an empty folder, whose name is some bytes of a directory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_check_alone, args=(case, theirs))
    process.start()
    resident, written = ours.recv()
    process.join()
    return resident, written


def _check_alone(case: Case, pipe: Connection) -> None:
    before = _said("io", "write_bytes:")
    case.ours()
    case.whole()
    pipe.send((_said("status", "VmHWM:") * 1024 / 1e6, _said("io", "write_bytes:") - before))


def _said(file: str, what: str) -> float:
    """A number the kernel gives of this process."""
    return float(Path(f"/proc/self/{file}").read_text().partition(what)[2].split()[0])


def _packed(package: Path) -> tuple[memoryview, int]:
    """The deflate stream of the one member of a zip, and what it inflates to."""
    with zipfile.ZipFile(package) as archive:
        [member] = archive.infolist()
    data = package.read_bytes()
    head = data[member.header_offset :][: LOCAL_HEAD.size]
    start = member.header_offset + LOCAL_HEAD.size + names_length(head)
    return memoryview(data)[start : start + member.compress_size], member.file_size


def _timed(inflate: Callable[[memoryview, int], int], packed: memoryview, size: int) -> float:
    started = time.perf_counter()
    assert inflate(packed, size) == size
    return time.perf_counter() - started


def _whole(packed: memoryview, size: int) -> int:
    return len(deflate.deflate_decompress(packed, size))


def _by_zlib_ng(packed: memoryview, size: int) -> int:
    run = zlib_ng.decompressobj(-zlib_ng.MAX_WBITS)
    return sum(len(run.decompress(packed[at : at + FEED])) for at in range(0, len(packed), FEED))


def _by_isal(packed: memoryview, size: int) -> int:
    run = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
    return sum(len(run.decompress(packed[at : at + FEED])) for at in range(0, len(packed), FEED))
