"""An answer is one write, and whatever else an application sends goes out as it always did."""

import asyncio
from typing import Any, cast

import pytest
import uvicorn
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from chassis.joined import JoinedHttp

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n"


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


async def answered(app: ASGIApp, *requests: bytes) -> Line:
    """What is written to a line on which some requests came."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")
    config.load()
    line, state = Line(), ServerState()
    protocol = JoinedHttp(config=config, server_state=state, app_state={})
    protocol.connection_made(cast(asyncio.Transport, line))
    for request in requests:
        protocol.data_received(request)
    while state.tasks:
        await asyncio.wait(state.tasks)
        await asyncio.sleep(0)
    return line


def ask(method: bytes = b"GET") -> bytes:
    return method + b" / HTTP/1.1\r\nhost: x\r\n\r\n"


def plain(body: str) -> Response:
    return Response(body, media_type="text/plain")


async def test_answer_is_one_write() -> None:
    line = await answered(plain("ok"), ask())
    assert (line.written, line.closed) == ([HEAD + b"ok"], False)


async def test_answers_to_requests_that_came_at_once_are_one_write_each() -> None:
    assert (await answered(plain("ok"), ask() * 3)).written == [HEAD + b"ok"] * 3


async def test_answer_to_head_is_written() -> None:
    assert (await answered(plain("ok"), ask(b"HEAD"))).written == [HEAD]


async def test_empty_answer_is_written() -> None:
    line = await answered(Response(status_code=202), ask())
    assert line.written == [b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"]


async def test_head_of_a_stream_does_not_wait_for_what_follows() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    line = await answered(StreamingResponse(iter(["a", "b"])), ask())
    assert line.written == [head, b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"]


@pytest.mark.parametrize("sent", [b"", b"o"])
async def test_head_of_an_answer_that_fails_is_written_before_the_line_is_closed(sent: bytes) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if sent:
            await send({"type": "http.response.body", "body": sent, "more_body": True})
        raise RuntimeError("fails half-way")

    line = await answered(app, ask())
    assert (b"".join(line.written), line.closed) == (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + sent, True)


async def test_body_in_parts_follows_its_head() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        for part, more in ((b"a", True), (b"bc", False)):
            await send({"type": "http.response.body", "body": part, "more_body": more})

    line = await answered(app, ask())
    assert line.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na", b"bc"]
