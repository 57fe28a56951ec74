"""A lane answers a request that came whole in one write; every other goes the usual way, to the same answer."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.server import ServerState

from chassis.clock import SystemClock
from chassis.direct import DirectHttp
from chassis.identity import Caller, Verifier
from chassis.lane import Application, Lane
from chassis.refusal import Refused
from contracts.ids import AccountId

CALLER = Caller(account=AccountId("018f0000-0000-7000-8000-000000000001"), role="frontend")
OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5\r\n\r\n"


class Line:
    """A connection that notes what is written to it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str) -> None:
        return None

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class KnownVerifier(Verifier):
    """Knows one token."""

    async def verify(self, token: str) -> Caller:
        if token != "good":
            raise Refused(401, "token_invalid", "无效。", "Not valid.")
        return CALLER


class Desk:
    """A connection to an application with one lane, which answers each body with its length."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.hold: asyncio.Event | None = None
        lane = Lane("POST", "/v1/votes", "frontend", 20, self.answer, {})
        verifier = KnownVerifier(cast(Any, None), "x")
        self.app: FastAPI = Application([lane], verifier, SystemClock(), openapi_url=None)
        config = uvicorn.Config(
            self.app, log_config=None, access_log=False, lifespan="off", proxy_headers=False, root_path="/api/voting"
        )
        config.load()
        self.line, self.state = Line(), ServerState()
        self.protocol = DirectHttp(config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(cast(asyncio.Transport, self.line))

    async def answer(self, caller: Caller, at: datetime, headers: Mapping[bytes, bytes], body: bytes) -> bytes:
        assert (caller, at.tzinfo, headers[b"host"]) == (CALLER, UTC, b"x")
        self.asked.append(body)
        if self.hold is not None:
            await self.hold.wait()
        if body == b"fails":
            raise RuntimeError("a fault of ours")
        return b"%05d" % len(body)

    async def told(self, *parts: bytes) -> Line:
        for part in parts:
            self.protocol.data_received(part)
        return await self.answered()

    async def answered(self) -> Line:
        while self.state.tasks:
            await asyncio.wait(self.state.tasks)
            await asyncio.sleep(0)
        return self.line


@pytest.fixture
async def desk() -> Desk:
    return Desk()


def ask(
    body: bytes = b"abc", *fields: bytes, line: bytes = b"POST /v1/votes HTTP/1.1", token: bytes = b"good"
) -> bytes:
    head = [line, b"Host: x", b"authorization: Bearer " + token, b"content-length: %d" % len(body), *fields]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def problem_of(line: Line) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(b"".join(line.written).partition(b"\r\n\r\n")[2])
    return said


async def test_whole_request_is_answered_in_one_write(desk: Desk) -> None:
    assert (await desk.told(ask())).written == [OK + b"00003"]
    assert not desk.line.closed


async def test_server_headers_go_with_the_answer(desk: Desk) -> None:
    desk.state.default_headers = [(b"date", b"now")]
    assert (await desk.told(ask())).written == [OK.replace(b"OK\r\n", b"OK\r\ndate: now\r\n") + b"00003"]


async def test_connection_is_used_again(desk: Desk) -> None:
    for _ in range(3):
        await desk.told(ask())
    assert (desk.line.written, desk.state.total_requests) == ([OK + b"00003"] * 3, 3)


async def test_connection_is_closed_where_asked(desk: Desk) -> None:
    line = await desk.told(ask(b"abc", b"connection: close"))
    assert line.written == [OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"00003"]
    assert line.closed


CUTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "in the request line": lambda asked: [asked[:7], asked[7:]],
    "before the body": lambda asked: [asked[:-3], asked[-3:]],
    "in the body": lambda asked: [asked[:-1], asked[-1:]],
    "everywhere": lambda asked: [bytes([each]) for each in asked],
}


@pytest.mark.parametrize("cut", CUTS)
async def test_request_in_parts_gets_the_same_answer(desk: Desk, cut: str) -> None:
    line = await desk.told(*CUTS[cut](ask()))
    assert (b"".join(line.written), desk.asked) == (OK + b"00003", [b"abc"])


@pytest.mark.parametrize(
    "asked",
    [
        ask(b"abc", b"expect: 100-continue"),
        ask(line=b"POST /v1/votes?x=1 HTTP/1.1"),
        ask(line=b"POST /v1/votes HTTP/1.0"),
    ],
    ids=["expect", "query", "HTTP/1.0"],
)
async def test_unusual_request_gets_the_same_answer(desk: Desk, asked: bytes) -> None:
    line = await desk.told(asked)
    told = re.sub(rb"^HTTP/1.1 100 Continue\r\n\r\n|connection: close\r\n", b"", b"".join(line.written))
    assert (told, desk.asked) == (OK + b"00003", [b"abc"])


async def test_requests_that_come_at_once_are_answered_in_their_order(desk: Desk) -> None:
    line = await desk.told(ask(b"a") + ask(b"bb") + ask(b"ccc"))
    assert b"".join(line.written) == b"".join(OK + b"%05d" % n for n in (1, 2, 3))
    assert desk.asked == [b"a", b"bb", b"ccc"]


async def test_request_before_the_last_was_answered_waits(desk: Desk) -> None:
    desk.hold = asyncio.Event()
    desk.protocol.data_received(ask(b"a"))
    await asyncio.sleep(0.01)
    desk.protocol.data_received(ask(b"bb"))
    await asyncio.sleep(0.01)
    assert (desk.asked, desk.line.written) == ([b"a"], [])
    desk.hold.set()
    assert b"".join((await desk.answered()).written) == OK + b"00001" + OK + b"00002"


async def test_body_that_is_no_http_is_refused_and_asks_nobody(desk: Desk) -> None:
    chunked = b"POST /v1/votes HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nno length\r\n"
    line = await desk.told(chunked)
    assert (line.written[0][:12], len(line.written), desk.asked, line.closed) == (b"HTTP/1.1 400", 1, [], True)


async def test_body_in_chunks_that_came_at_once_is_answered(desk: Desk) -> None:
    asked = ask().replace(b"content-length: 3", b"transfer-encoding: chunked")
    line = await desk.told(asked.removesuffix(b"abc") + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
    assert (line.written, desk.asked) == ([OK + b"00003"], [b"abc"])


async def test_what_trails_a_body_is_no_header(desk: Desk) -> None:
    asked = ask(token=b"bad").replace(b"content-length: 3", b"transfer-encoding: chunked").removesuffix(b"abc")
    line = await desk.told(asked + b"3\r\nabc\r\n0\r\nauthorization: Bearer good\r\n\r\n")
    assert (line.written[0][:12], desk.asked) == (b"HTTP/1.1 401", [])


async def test_answer_is_the_last_where_what_follows_the_request_is_no_http(desk: Desk) -> None:
    line = await desk.told(ask() + b"\x00\x01 no request\r\n\r\n")
    closing = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert (line.written, line.closed, desk.asked) == ([closing + b"00003"], True, [b"abc"])


async def test_connection_is_closed_where_the_process_stops_before_the_answer(desk: Desk) -> None:
    desk.hold = asyncio.Event()
    desk.protocol.data_received(ask())
    await asyncio.sleep(0.01)
    for task in desk.state.tasks:
        task.cancel()
    assert (await desk.answered()).written == []
    assert desk.line.closed


async def test_body_that_never_comes_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.lane.LIMIT_S", 0.05)
    line = await desk.told(ask().removesuffix(b"abc"))
    assert (b"".join(line.written)[:12], desk.asked) == (b"HTTP/1.1 503", [])


async def test_unknown_path_is_not_the_lanes(desk: Desk) -> None:
    line = await desk.told(ask(line=b"POST /v1/vote HTTP/1.1"))
    assert (b"".join(line.written)[:12], desk.asked) == (b"HTTP/1.1 404", [])


async def test_bad_token_is_refused(desk: Desk) -> None:
    line = await desk.told(ask(token=b"bad"))
    assert line.written[0].startswith(b"HTTP/1.1 401 Unauthorized\r\n")
    assert b"content-type: application/problem+json\r\n" in line.written[0]
    assert (problem_of(line)["code"], desk.asked, line.closed) == ("token_invalid", [], False)


@pytest.mark.parametrize("parts", [1, 2])
async def test_body_over_the_limit_is_refused(desk: Desk, parts: int) -> None:
    asked = ask(b"x" * 21)
    line = await desk.told(*([asked] if parts == 1 else [asked[:-5], asked[-5:]]))
    assert (problem_of(line)["code"], problem_of(line)["measured_bytes"], desk.asked) == ("too_large", 21, [])


async def test_fault_of_ours_is_a_500_and_closes(desk: Desk) -> None:
    line = await desk.told(ask(b"fails"))
    assert line.written[0].startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert line.written[0].endswith(b"connection: close\r\n\r\nInternal Server Error")
    assert line.closed


async def test_answer_to_nobody_is_not_written(desk: Desk) -> None:
    desk.hold = asyncio.Event()
    desk.protocol.data_received(ask())
    await asyncio.sleep(0.01)
    desk.protocol.connection_lost(None)
    desk.hold.set()
    assert ((await desk.answered()).written, desk.asked) == ([], [b"abc"])


async def test_server_that_stops_answers_what_it_has_and_closes(desk: Desk) -> None:
    desk.hold = asyncio.Event()
    desk.protocol.data_received(ask())
    await asyncio.sleep(0.01)
    desk.protocol.shutdown()
    assert not desk.line.closed
    desk.hold.set()
    line = await desk.answered()
    assert (line.written, line.closed) == ([OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"00003"], True)


async def test_channel_that_reads_no_answers_goes_the_way_that_waits_for_it(desk: Desk) -> None:
    desk.protocol.pause_writing()
    desk.protocol.data_received(ask())
    await asyncio.sleep(0.01)
    assert desk.line.written == []
    desk.protocol.resume_writing()
    assert b"".join((await desk.answered()).written) == OK + b"00003"
