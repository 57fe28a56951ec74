"""A route that is asked tens of thousands of times a second: the same tokens, limits and problems as any other, without
what FastAPI does for each request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple, cast

from fastapi import FastAPI
from prometheus_client import Histogram
from pymongo.errors import PyMongoError
from starlette.types import Message, Receive, Scope, Send

from chassis import metrics
from chassis.clock import Clock
from chassis.identity import Caller, Verifier, bearer, permitted
from chassis.logs import log
from chassis.problems import problem, unavailable
from chassis.refusal import Refused, Unavailable
from chassis.requests import LIMIT_S, path_of
from contracts.ids import Role

READ = "http.request"
OVERSIZED = "请求过大。", "The request is too large."
JSON: Final = (b"content-type", b"application/json")
Headers = Mapping[bytes, bytes]
"""By their names in lower case."""


class Answer(NamedTuple):
    """What goes back."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes

    @classmethod
    def of(cls, body: bytes) -> "Answer":
        """That it was done, as JSON."""
        return cls(200, (JSON, (b"content-length", b"%d" % len(body))), body)

    @classmethod
    def refusing(cls, refused: Refused) -> "Answer":
        """That it was not."""
        response = problem(refused)
        return cls(response.status_code, response.raw_headers, bytes(response.body))


@dataclass(frozen=True)
class Lane:
    """One method and path: who may ask, how much, and what answers a body with a JSON body."""

    method: str
    path: str
    role: Role
    most_bytes: int
    answer: Callable[[Caller, datetime, Headers, bytes], Awaitable[bytes]]
    """Takes the caller, the time of receipt, the headers, and the body."""
    described: dict[str, Any]
    """The operation in OpenAPI's own form."""

    async def serve(self, verifier: Verifier, clock: Clock, headers: Headers, body: bytes | Receive) -> Answer:
        """Answer one request, of which the body is here or still to come; `answer` ends in time by itself."""
        received_at, started = clock.now(), time.perf_counter()
        caller: Caller | None = None
        try:
            caller = await self._caller(verifier, headers.get(b"authorization", b""))
            whole = body if isinstance(body, bytes) else await self._received(body)
            if len(whole) > self.most_bytes:
                raise Refused(413, "too_large", *OVERSIZED, measured_bytes=len(whole), most_bytes=self.most_bytes)
            answer = Answer.of(await self.answer(caller, received_at, headers, whole))
        except (Refused, Unavailable, PyMongoError, ConnectionError, TimeoutError) as error:
            refused = error if isinstance(error, Refused) else unavailable()
            who = {"account": caller.account} if caller else {}
            log().info(
                "refused", path=self.path, code=refused.code, status=refused.status, error=type(error).__name__, **who
            )
            answer = Answer.refusing(refused)
        _seconds(self.method, self.path, answer.status).observe(time.perf_counter() - started)
        return answer

    async def _caller(self, verifier: Verifier, authorization: bytes) -> Caller:
        return permitted(await verifier.verify(bearer(authorization.decode("latin-1"))), (self.role,))

    async def _received(self, receive: Receive) -> bytes:
        """A body as it comes; no more of one that is too large than shows it."""
        body, message = b"", cast(Message, {"more_body": True})
        async with asyncio.timeout(LIMIT_S):
            while message.get("more_body") and len(body) <= self.most_bytes:
                message = await receive()
                body += message.get("body", b"")
        if message["type"] != READ:
            raise ConnectionError("the client went before it had sent everything")
        return body


class Application(FastAPI):
    """FastAPI behind a service's lanes."""

    def __init__(self, lanes: list[Lane], verifier: Verifier, clock: Clock, **options: Any) -> None:
        super().__init__(**options)
        self.state.verifier = self._verifier = verifier
        self._lanes, self._clock = {(lane.method, lane.path): lane for lane in lanes}, clock
        self._named = {(lane.method.encode(), lane.path.encode()): lane for lane in lanes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lanes.get((scope.get("method", ""), path_of(scope)))
        if lane is None:
            await super().__call__(scope, receive, send)
            return
        answer = await self.answered(lane, dict(scope["headers"]), receive)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    def lane_at(self, method: bytes, url: bytes) -> Lane | None:
        """The lane a request line names to the letter."""
        return self._named.get((method, url))

    async def answered(self, lane: Lane, headers: Headers, body: bytes | Receive) -> Answer:
        """What a lane answers."""
        return await lane.serve(self._verifier, self._clock, headers, body)

    def openapi(self) -> dict[str, Any]:
        """The document, the lanes among the rest."""
        described = super().openapi()
        for (method, path), lane in self._lanes.items():
            described["paths"].setdefault(path, {})[method.lower()] = lane.described
        return described


@lru_cache(maxsize=1000)
def _seconds(method: str, path: str, status: int) -> Histogram:
    return metrics.REQUESTS.labels(method, path, status)
