"""A channel that hands ballots in as fast as it is answered, or at a rate: a process of its own, sparing with the
machine it shares with what it measures."""

import asyncio
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from multiprocessing.connection import Connection
from typing import Any

import uvloop

CAMPAIGN = "cloud-studio-2023"
ENTRIES = 50


@dataclass(frozen=True)
class Load:
    """What is asked of whom: requests of `ballots` each, over `connections` that stay open."""

    port: int
    token: str
    connections: int
    ballots: int
    seconds: float
    rate: float = 0.0
    """Requests a second, begun whether or not earlier ones were answered; 0: as fast as they are."""
    warm_s: float = 2.0


@dataclass(frozen=True)
class Measured:
    """What came of it, once it was warm."""

    votes_s: float
    latencies_ms: Sequence[float]
    """From when a request was to be sent to its answer."""
    bad: int
    """Answers other than 200 or 202."""


def requests(load: Load) -> Iterator[bytes]:
    """Requests, every ballot another voter's, made in advance of each second."""
    head = f"POST /v1/votes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {load.token}\r\n"
    head += "content-type: application/json\r\n"
    run = time.time_ns()
    voters = count()
    while True:
        ballots = [
            f'{{"campaign":"{CAMPAIGN}","entry":"entry-{n % ENTRIES}","voter":"{_voter(run + n):016x}","nonce":"{n}"}}'
            for n in islice(voters, load.ballots)
        ]
        body = ballots[0] if load.ballots == 1 else f"[{','.join(ballots)}]"
        yield f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


def _voter(number: int) -> int:
    """Numbers in a row, scattered over 64 bits each to its own, as the ids of people are (Knuth's multiplicative
    hashing)."""
    return number * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF


class Channel(asyncio.Protocol):
    """One connection; a request at a time."""

    def __init__(self, source: Iterator[bytes], book: "Book") -> None:
        self._source, self._book = source, book
        self._missing = 0
        self._head = b""
        self.due = 0.0
        self.idle = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.idle.set()

    def ask(self, due: float) -> None:
        self.idle.clear()
        self.due = due
        self._transport.write(next(self._source))

    def data_received(self, data: bytes) -> None:
        if self._missing == 0:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            self._head = b""
            self._ok = data[9:10] == b"2"
            at = data.find(b"content-length: ")
            self._missing = int(data[at + 16 : data.find(b"\r\n", at)]) - (len(data) - end - 4) if 0 < at < end else 0
        else:
            self._missing -= len(data)
        if self._missing <= 0:
            self._missing = 0
            self._book.answered(self)


class Book:
    """What was answered, and when."""

    def __init__(self, load: Load) -> None:
        self._again = load.rate == 0
        self.begin = time.perf_counter() + load.warm_s
        self.end = self.begin + load.seconds
        self.latencies: list[float] = []
        self.bad = 0

    def answered(self, channel: Channel) -> None:
        now = time.perf_counter()
        if self.begin <= now < self.end:
            self.latencies.append((now - channel.due) * 1000)
            self.bad += not channel._ok
        if self._again and now < self.end:
            channel.ask(now)
        else:
            channel.idle.set()


async def _run(load: Load) -> Measured:
    book, source = Book(load), requests(load)
    loop = asyncio.get_running_loop()
    opened = [
        (await loop.create_connection(lambda: Channel(source, book), "127.0.0.1", load.port))[1]
        for _ in range(load.connections)
    ]
    if load.rate:
        await _at_a_rate(load, book, opened)
    else:
        for channel in opened:
            channel.ask(time.perf_counter())
        await asyncio.sleep(load.warm_s + load.seconds)
    await asyncio.wait([asyncio.ensure_future(channel.idle.wait()) for channel in opened], timeout=5)
    return Measured(len(book.latencies) * load.ballots / load.seconds, book.latencies, book.bad)


async def _at_a_rate(load: Load, book: Book, opened: Sequence[Channel]) -> None:
    started = time.perf_counter()
    for n in count():
        due = started + n / load.rate
        if due > book.end:
            return
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        channel = opened[n % len(opened)]
        await channel.idle.wait()
        channel.ask(due)


def _work(load: Load, pipe: Connection) -> None:
    pipe.send(uvloop.run(_run(load)))


async def measured(load: Load) -> Measured:
    """Run a load in a process of its own."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(load, theirs))
    process.start()
    try:
        found: Measured = await asyncio.to_thread(ours.recv)
    finally:
        process.join(30)
    return found
