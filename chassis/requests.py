"""Around every HTTP request: its trace, its measurement, and an end within ten seconds."""

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis import metrics, tracing
from chassis.problems import Refused, problem

LIMIT_S = 9.5


def path_of(scope: Scope) -> str:
    """The path within the service, whatever prefix the gateway took off; empty where this is no request."""
    path: str = scope.get("path", "")
    return path.removeprefix(scope.get("root_path", ""))


class Requests:
    """ASGI middleware; streaming answers may go on for longer once they have begun."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if not path or path.startswith(("/health", "/metrics")):
            await self._app(scope, receive, send)
            return
        named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
        parent = named if tracing.TRACEPARENT.fullmatch(named) else None
        started, status = time.perf_counter(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if (
                    not deadline.expired()
                ):  # PyMongo may turn the cancellation of a late request into an error of its own
                    deadline.reschedule(None)
            await send(message)

        with tracing.span(f"{scope['method']} {path}", parent):
            try:
                async with asyncio.timeout(LIMIT_S) as deadline:
                    await self._app(scope, receive, observed)
            except TimeoutError:
                if status:
                    raise
                late = Refused(
                    503, "timeout", "系统暂时繁忙，请稍后再试。", "This took too long on our side; please try again."
                )
                await problem(late)(scope, receive, observed)
        route = getattr(scope.get("route"), "path", "unknown")
        metrics.REQUESTS.labels(scope["method"], route, status).observe(time.perf_counter() - started)
