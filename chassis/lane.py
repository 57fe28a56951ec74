"""A route that is asked tens of thousands of times a second: the same tokens, limits and problems as any other, without
what FastAPI does for each request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from fastapi import FastAPI
from prometheus_client import Histogram
from pymongo.errors import PyMongoError
from starlette.types import Receive, Scope, Send

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


@dataclass(frozen=True)
class Lane:
    """One method and path: who may ask, how much, and what answers a body with a JSON body."""

    method: str
    path: str
    role: Role
    most_bytes: int
    answer: Callable[[Caller, datetime, Mapping[bytes, bytes], bytes], Awaitable[bytes]]
    """Takes the caller, the time of receipt, the headers by their names in lower case, and the body."""
    described: dict[str, Any]
    """The operation in OpenAPI's own form."""

    async def serve(self, verifier: Verifier, clock: Clock, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; `answer` ends in time by itself."""
        received_at, started, status = clock.now(), time.perf_counter(), 200
        caller: Caller | None = None
        try:
            headers: dict[bytes, bytes] = dict(scope["headers"])
            caller = await self._caller(verifier, headers.get(b"authorization", b""))
            answer = await self.answer(caller, received_at, headers, await self._body(receive))
            await _send(send, answer)
        except (Refused, Unavailable, PyMongoError, ConnectionError, TimeoutError) as error:
            refused = error if isinstance(error, Refused) else unavailable()
            who = {"account": caller.account} if caller else {}
            log().info(
                "refused", path=self.path, code=refused.code, status=refused.status, error=type(error).__name__, **who
            )
            status = refused.status
            await problem(refused)(scope, receive, send)
        _seconds(self.method, self.path, status).observe(time.perf_counter() - started)

    async def _caller(self, verifier: Verifier, authorization: bytes) -> Caller:
        return permitted(await verifier.verify(bearer(authorization.decode("latin-1"))), (self.role,))

    async def _body(self, receive: Receive) -> bytes:
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            async with asyncio.timeout(LIMIT_S):
                while message.get("more_body") and len(body) <= self.most_bytes:
                    message = await receive()
                    body += message.get("body", b"")
        if message["type"] != READ:
            raise ConnectionError("the client went before it had sent everything")
        if len(body) > self.most_bytes:
            raise Refused(413, "too_large", *OVERSIZED, measured_bytes=len(body), most_bytes=self.most_bytes)
        return body


class Application(FastAPI):
    """FastAPI behind a service's lanes."""

    def __init__(self, lanes: list[Lane], verifier: Verifier, clock: Clock, **options: Any) -> None:
        super().__init__(**options)
        self.state.verifier = self._verifier = verifier
        self._lanes, self._clock = {(lane.method, lane.path): lane for lane in lanes}, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        lane = self._lanes.get((scope.get("method", ""), path_of(scope)))
        if lane is None:
            await super().__call__(scope, receive, send)
        else:
            await lane.serve(self._verifier, self._clock, scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The document, the lanes among the rest."""
        described = super().openapi()
        for (method, path), lane in self._lanes.items():
            described["paths"].setdefault(path, {})[method.lower()] = lane.described
        return described


@lru_cache(maxsize=1000)
def _seconds(method: str, path: str, status: int) -> Histogram:
    return metrics.REQUESTS.labels(method, path, status)


async def _send(send: Send, answer: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})
