"""A real process of the product in a test's hands: forked from a server that has imported everything, it serves as it
does in production, and can be told at which crash point to die."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread
from typing import Any

from structlog.contextvars import get_contextvars

import chassis.service  # noqa: F401 - imported once, in the fork server
from chassis import crash
from chassis.identity import Verifier
from chassis.service import Service, serve
from chassis.signing import SigningKey
from deploy.processes import PROCESSES
from tests.support.engine import Engine  # noqa: F401 - what a test session's own module imports, imported once too

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        "pytest",
        __name__,
        *(f"services.{process.service}.{part}" for process in PROCESSES.values() for part in ("app", "settings")),
    ]
)
NEVER = 10**9
PATIENCE_S = 60.0
"""How long anything may take on a machine that is busy with other things."""


@dataclass(frozen=True)
class Order:
    """Which process, told what, on a clock that runs ahead of or behind the real one, logging where."""

    name: str
    settings: Mapping[str, Any]
    ahead: timedelta
    log: Path
    poison: str = ""
    """An entry whose material ends the process, by a segmentation fault in the middle of looking at it."""


@dataclass(frozen=True)
class Ahead:
    """The real clock, moved."""

    by: timedelta

    def now(self) -> datetime:
        return datetime.now(UTC) + self.by


def built(order: Order) -> Service:
    """The service as its composition root builds it; it trusts the tokens of registration's key without asking."""
    process = PROCESSES[order.name]
    settings = import_module(f"services.{process.service}.settings").Settings(**order.settings)
    service: Service = getattr(import_module(f"services.{process.service}.app"), process.builder)(
        settings, Ahead(order.ahead)
    )
    service.verifier = Verifier(SigningKey.read(order.settings["signing_key_file"]), settings.issuer)
    return service


class Child:
    """One process, alive from its making until it dies."""

    def __init__(self, order: Order) -> None:
        self._pipe, theirs = FORKS.Pipe()
        self._process = FORKS.Process(target=_live, args=(order, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Which process it is."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return self._process.exitcode

    def arm(self, at: str) -> None:
        """Count what it passes from now on, and die at `at`."""
        self._pipe.send(at)
        self._pipe.recv()

    def passed(self) -> Counter[str]:
        """How often it passed each crash point since it was armed, or started."""
        self._pipe.send(None)
        answer: Counter[str] = self._pipe.recv()
        return answer

    async def death(self, within_s: float = PATIENCE_S) -> int | None:
        """Its exit code; None where it still lives when the time is over.

        Asked on the event loop's own thread, as the start of any other child asks too: of two threads that ask at
        once, one reads the code and the other an end of file, which multiprocessing takes for exit code 255."""
        end = time.monotonic() + within_s
        while self.exit_code is None and time.monotonic() < end:  # noqa: ASYNC110 - it is another process's doing
            await asyncio.sleep(0.02)
        return self.exit_code

    def ask_to_stop(self) -> None:
        """What a deploy, or whoever scales down, sends first."""
        self._process.terminate()

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _live(order: Order, pipe: Connection) -> None:
    log = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    passed: Counter[str] = Counter()
    step = crash.point

    def counted(name: crash.CrashPoint) -> None:
        passed[name] += 1
        if order.poison and name == "measured" and get_contextvars().get("entry") == order.poison:
            os.kill(os.getpid(), signal.SIGSEGV)
        step(name)

    crash.point = counted
    crash.arm(f"published:{NEVER}")
    Thread(target=_obey, args=(pipe, passed), daemon=True).start()
    serve(built(order))


def _obey(pipe: Connection, passed: Counter[str]) -> None:
    while True:
        match pipe.recv():
            case str() as at:
                passed.clear()
                crash.arm(at)
                pipe.send("armed")
            case _:
                pipe.send(Counter(passed))
