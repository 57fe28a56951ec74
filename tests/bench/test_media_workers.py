"""Deflated packages checked to the last byte and the last picture in worker processes of a core each: two against one,
and what a package costs each of them. The store works on the same two cores: decision 19."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import pytest

from chassis.objects import ObjectStore
from contracts.events.media import StoredObject
from services.media.inspect.probe import measure
from services.media.objects import Packages
from tests.bench.packages import must_pass, padded, upload, video_slot
from tests.bench.result import report
from tests.support.kinds import ObjectStore as Bucket

PACKAGES, TURNS = 4, 7


@pytest.mark.timeout(300)
def test_media_workers(s3: Bucket) -> None:
    pinned, size = upload(s3, padded()), padded().stat().st_size
    workers = [_start(s3, pinned, size, core) for core in sorted(os.sched_getaffinity(0))[:2]]
    try:
        assert len(workers) == 2
        pipes = [pipe for _, pipe in workers]
        _drain(pipes, 2)
        turns = [(_drain(pipes[:1], PACKAGES), _drain(pipes, PACKAGES)) for _ in range(TURNS)]
    finally:
        for process, _ in workers:
            process.kill()
    one, two = sorted(turns, key=lambda turn: turn[1].cost_s / turn[0].cost_s)[TURNS // 2]
    report("media.workers.cost", 60 / two.cost_s, 60 / one.cost_s, 0.9, "packages for a minute of a core's time")
    one, two = sorted(turns, key=lambda turn: turn[1].rate / turn[0].rate)[TURNS // 2]
    report("media.workers", two.rate, one.rate, 1.8, "packages/min")


@dataclass(frozen=True)
class Drained:
    """Packages a minute, and the seconds of a core's time that one cost its worker and the worker's children."""

    rate: float
    cost_s: float


def _drain(workers: Sequence[Connection], packages: int) -> Drained:
    """Give each package to the next worker that is free."""
    started, cost_s, given, done = time.perf_counter(), 0.0, 0, 0
    for worker in workers:
        worker.send("check")
        given += 1
    while done < packages:
        for free in wait(list(workers)):
            assert isinstance(free, Connection)
            cost_s += free.recv()
            done += 1
            if given < packages:
                free.send("check")
                given += 1
    return Drained(packages / (time.perf_counter() - started) * 60, cost_s / packages)


def _start(s3: Bucket, pinned: StoredObject, size: int, core: int) -> tuple[BaseProcess, Connection]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(s3, pinned, size, core, theirs), daemon=True)
    process.start()
    return process, ours


def _work(s3: Bucket, pinned: StoredObject, size: int, core: int, pipe: Connection) -> None:
    os.sched_setaffinity(0, {core})
    asyncio.run(_check(s3, pinned, size, pipe))


async def _check(s3: Bucket, pinned: StoredObject, size: int, pipe: Connection) -> None:
    packages = Packages(ObjectStore(s3.endpoint, s3.endpoint, s3.access_key, s3.secret_key, s3.bucket))
    slot = video_slot()
    while await asyncio.to_thread(pipe.recv) == "check":
        before = sum(os.times()[:4])
        must_pass(await measure(packages.source(pinned, size), slot), slot)
        pipe.send(sum(os.times()[:4]) - before)
