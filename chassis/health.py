"""Live, ready, metrics: what ops and the balancer ask a process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

CHECK_S = 2.0


def routes(process: str, checks: Mapping[str, Callable[[], Awaitable[None]]]) -> APIRouter:
    """`/health/live`, `/health/ready` (503 naming each part that is not well) and `/metrics`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"process": process, "live": "yes"}

    @router.get("/health/ready")
    async def ready() -> JSONResponse:
        states = dict(zip(checks, await asyncio.gather(*map(_state, checks.values())), strict=True))
        well = all(state == "ok" for state in states.values())
        return JSONResponse({"process": process, "ready": well, "parts": states}, 200 if well else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return router


async def _state(check: Callable[[], Awaitable[None]]) -> str:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except Exception as error:  # noqa: BLE001 - whatever a check raises is its answer
        return f"{type(error).__name__}: {error}"[:200]
    return "ok"
