"""How much longer checking a compressed RAR takes than unpacking it alone."""

import asyncio
import random
import statistics
import subprocess
import time
from pathlib import Path

from contracts.rulebook import SHIPPED, load
from services.media.inspect.disk import DiskSource
from services.media.inspect.probe import measure
from tests.bench.result import report
from tests.data.make_rars import Member, rar5

MIB = 2**20
ROUNDS = 8


def test_media_rar_is_checked_nearly_as_fast_as_unpacked(tmp_path: Path) -> None:
    archive = tmp_path / "case.rar"
    noise = random.Random(1).randbytes(MIB)
    archive.write_bytes(rar5(*(Member(b"%d.txt" % number, noise * 25, packed=True) for number in range(4))))
    turns = [(_checked(archive), _unpacked(archive)) for _ in range(ROUNDS)]
    ours, peer = (statistics.median(100 / seconds for seconds in side) for side in zip(*turns, strict=True))
    report("media.rar", ours, peer, 1 / 1.2, "MiB/s")


def _unpacked(archive: Path) -> float:
    started = time.perf_counter()
    subprocess.run(["bsdtar", "-xOf", archive], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def _checked(archive: Path) -> float:
    rulebook = load(SHIPPED / "cloud-studio-2023.yaml")
    slot = next(slot for track in rulebook.tracks for slot in track.slots)
    started = time.perf_counter()
    with DiskSource(archive) as source:
        facts = asyncio.run(measure(source, slot, archive.name))
    assert not facts.faults
    return time.perf_counter() - started
