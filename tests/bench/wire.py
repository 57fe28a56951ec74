"""A line to the store in a process of its own: it can hold a rate, and counts what crosses it."""

import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Final
from urllib.parse import urlsplit

ROOM: Final = 2**16


@dataclass
class Wire:
    """`rate` in bytes a second from the server on, all connections together; 0 for as fast as it goes."""

    to: tuple[str, int]
    rate: float
    requests: int = 0
    answered: int = 0
    _free_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listener: socket.socket) -> None:
        """Take connections for ever."""
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(self.to)
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(far, near), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        while data := near.recv(ROOM):
            self.requests += data.count(b" HTTP/1.1\r\n")
            far.sendall(data)
        far.close()

    def _down(self, far: socket.socket, near: socket.socket) -> None:
        while data := far.recv(ROOM):
            self._wait(len(data))
            self.answered += len(data)
            near.sendall(data)
        near.close()

    def _wait(self, length: int) -> None:
        """Hold bytes back for as long as they take on the line."""
        if self.rate:
            with self._lock:
                self._free_at = max(self._free_at, time.perf_counter()) + length / self.rate
                free_at = self._free_at
            time.sleep(max(0.0, free_at - time.perf_counter()))


@dataclass(frozen=True)
class Counted:
    """The near end of a line."""

    endpoint: str
    _pipe: Connection

    def counts(self) -> tuple[int, int]:
        """Requests and bytes answered since it was asked last."""
        self._pipe.send("counts")
        requests, answered = self._pipe.recv()
        return requests, answered


@contextmanager
def wire(endpoint: str, rate: float = 0) -> Iterator[Counted]:
    """A line to an HTTP server."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(endpoint, rate, theirs), daemon=True)
    process.start()
    try:
        yield Counted(f"http://127.0.0.1:{ours.recv()}", ours)
    finally:
        process.kill()
        process.join()


def _run(endpoint: str, rate: float, pipe: Connection) -> None:
    parts = urlsplit(endpoint)
    listener = socket.create_server(("127.0.0.1", 0))
    line = Wire((parts.hostname or "127.0.0.1", parts.port or 80), rate)
    threading.Thread(target=line.serve, args=(listener,), daemon=True).start()
    pipe.send(listener.getsockname()[1])
    while True:
        pipe.recv()
        pipe.send((line.requests, line.answered))
        line.requests = line.answered = 0
