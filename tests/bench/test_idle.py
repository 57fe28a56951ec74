"""What each process costs when nothing happens, and how soon it is ready; on servers that are up."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.home import Home
from deploy.local.part import NotReady, Part
from deploy.local.product import product
from deploy.local.stack import SERVERS, LocalStack
from tests.bench.result import report_limit, resident_mb

SETTLE_S = 3.0


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Part]]:
    """Every process of the product, on a stack of its own that runs the servers only."""
    home = Home(tmp_path_factory.mktemp("idle"))
    stack = LocalStack.open(home)
    stack.start(*SERVERS)
    yield {part.name: part for part in product(home, stack.addresses)}
    assert not LocalStack.stop_at(home)


def test_idle_processes_are_small_and_start_soon(parts: dict[str, Part], tmp_path: Path) -> None:
    running = []
    try:
        for name, part in parts.items():
            process, seconds = _start(part, tmp_path / f"{name}.log")
            running.append((name, process, seconds))
        time.sleep(SETTLE_S)
        for name, process, seconds in running:
            report_limit(f"idle.{name}.start", seconds, 4, "s")
            report_limit(f"idle.{name}.resident", resident_mb(process.pid), 130, "MB")
    finally:
        for _, process, _ in running:
            process.terminate()
        for _, process, _ in running:
            process.wait(30)


def _start(part: Part, log: Path) -> tuple[subprocess.Popen[bytes], float]:
    """Start one process and return it with the seconds until it said that it is ready."""
    started = time.monotonic()
    process = subprocess.Popen(part.command, env={**os.environ, **part.environment}, stderr=log.open("wb"))
    while time.monotonic() < started + 30:
        try:
            part.ready()
        except NotReady:
            time.sleep(0.05)
        else:
            return process, time.monotonic() - started
    process.kill()
    pytest.fail(f"{part.name} did not become ready: {log.read_text()[-2000:]}")
