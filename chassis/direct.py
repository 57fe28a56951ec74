"""uvicorn's HTTP with a short way for lanes: a request that came whole in one read is answered in one write, without
the scope, the channels and the checks of ASGI, which cost more than deciding on a ballot does.

Any other request, to a lane too, goes uvicorn's own way: one whose body is still to come, or asks to be let in first
(`Expect`), one that comes before the last was answered, one by HTTP/1.0, or to somebody who does not read the answers.
"""

from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.lane import Answer, Application, Headers, Lane
from chassis.logs import log

STATUS: Final = {each.value: b"HTTP/1.1 %d %b\r\n" % (each.value, each.phrase.encode()) for each in HTTPStatus}

FAILED: Final = Answer(500, ((b"content-type", b"text/plain"), (b"content-length", b"21")), b"Internal Server Error")


class Exchange:
    """A request to a lane and its answer: what uvicorn asks of the cycle of a connection."""

    __slots__ = ("disconnected", "keep_alive", "message_event", "response_complete")

    def __init__(self, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        self.disconnected = self.response_complete = False
        self.message_event = Unheard


class Unheard:
    """Nobody waits for what else happens on the connection."""

    @staticmethod
    def set() -> None:
        """Nothing."""


class DirectHttp(HttpToolsProtocol):
    """One connection."""

    app: Application
    _lane: Lane | None = None
    """Whose request is coming in."""
    _body = b""
    _fields: Headers = MappingProxyType({})

    def data_received(self, data: bytes) -> None:
        """Take what came; a request to a lane that is not whole by now goes the other way."""
        super().data_received(data)
        if self._lane is not None and not self.transport.is_closing():
            self._lane, body, self._body = None, self._body, b""
            super().on_headers_complete()
            if body:
                super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; where it comes behind a request that is being answered, that answer is the last."""
        if isinstance(self.cycle, Exchange) and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            super().send_400_response(msg)

    def on_headers_complete(self) -> None:
        """Find out which way the request goes."""
        self._lane = self._direct()
        self._fields = dict(self.headers) if self._lane is not None else {}  # what trails a body is no header
        if self._lane is None:
            super().on_headers_complete()

    def _direct(self) -> Lane | None:
        lane = self.app.lane_at(self.parser.get_method(), self.url)
        free = self.cycle is None or self.cycle.response_complete
        if lane is None or not free or self.flow.write_paused or self.expect_100_continue:
            return None
        return None if self.parser.get_http_version() != "1.1" or self.parser.should_upgrade() else lane

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._lane is None:
            super().on_body(body)
        else:
            self._body += body

    def on_message_complete(self) -> None:
        """Begin to answer."""
        if self._lane is None:
            super().on_message_complete()
            return
        lane, self._lane, body, self._body = self._lane, None, self._body, b""
        self.cycle = exchange = Exchange(self.parser.should_keep_alive())  # type: ignore[assignment] # see there
        task = self.loop.create_task(self._answer(lane, exchange, self._fields, body))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer(self, lane: Lane, exchange: Exchange, headers: Headers, body: bytes) -> None:
        try:
            answer = await self.app.answered(lane, headers, body)
        except Exception as error:  # noqa: BLE001 - a fault of ours, of which the caller learns as uvicorn would tell it
            log().error("lane_failed", path=lane.path, error=repr(error)[:300], exc_info=True)
            answer, exchange.keep_alive = FAILED, False
        except BaseException:
            self.transport.close()  # the process stops, and what became of the request is not known
            raise
        exchange.response_complete = True
        if exchange.disconnected:
            return
        self.transport.write(self._written(answer, exchange.keep_alive))
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _written(self, answer: Answer, keep_alive: bool) -> bytes:
        fields = [*self.server_state.default_headers, *answer.headers]
        if not keep_alive:
            fields.append((b"connection", b"close"))
        head = b"".join([b"%b: %b\r\n" % field for field in fields])
        return b"".join((STATUS[answer.status], head, b"\r\n", answer.body))
