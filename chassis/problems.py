"""Refusals as part of the interface: what was wrong, where, what was measured, what to do (RFC 9457)."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pymongo.errors import PyMongoError

from chassis.logs import log
from chassis.refusal import Refused as Refused
from chassis.refusal import Unavailable as Unavailable


def problem(refused: Refused) -> JSONResponse:
    """An `application/problem+json` answer in Chinese and English; a fact `retry_after_s` becomes `Retry-After`."""
    body = {
        "type": f"urn:zhumeng:problem:{refused.code}",
        "status": refused.status,
        "code": refused.code,
        "title": refused.zh,
        "detail": refused.en,
        "zh": refused.zh,
        "en": refused.en,
        **refused.facts,
    }
    again_s = refused.facts.get("retry_after_s", 5 if refused.status == 503 else None)
    headers = {"Retry-After": str(again_s)} if again_s else None
    return JSONResponse(body, refused.status, headers=headers, media_type="application/problem+json")


def _answered(request: Request, refused: Refused) -> JSONResponse:
    """Log a refusal and answer it. Facts may hold what people typed, so the line only names them."""
    facts = sorted(refused.facts)
    log().info("refused", path=request.url.path, code=refused.code, status=refused.status, facts=facts)
    return problem(refused)


def unavailable() -> Refused:
    """What is answered while a part of ours is down."""
    return Refused(
        503,
        "unavailable",
        "系统暂时繁忙，您的材料没有丢失，请稍后再试。",
        "A part of ours is down for a moment; nothing was lost. Please try again.",
    )


def install(app: FastAPI) -> None:
    """Answer every refusal, malformed request and outage of `app` as problem+json."""

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> JSONResponse:
        return _answered(request, error)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [{"where": ".".join(map(str, e["loc"])), "reason": e["msg"]} for e in error.errors()]
        zh, en = "请求内容有误，请检查所列字段。", "The request does not fit; see the fields named."
        return _answered(request, Refused(422, "malformed", zh, en, fields=fields))

    @app.exception_handler(PyMongoError)
    @app.exception_handler(Unavailable)
    @app.exception_handler(ConnectionError)
    @app.exception_handler(TimeoutError)
    async def down(request: Request, error: Exception) -> JSONResponse:
        log().error("unavailable", path=request.url.path, error=repr(error)[:300])
        return problem(unavailable())
