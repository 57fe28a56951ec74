"""City, province and national admins see what was handed in where they look after it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from chassis.refusal import Refused
from services.review.queue.models import Cursor, QueuePage, Summary, Wanted
from services.review.queue.spreadsheet import written
from services.review.queue.store import PAGE, QueueStore
from services.review.screening.actions import region_of
from services.review.screening.api import Admin
from services.review.screening.models import Kind


def cursor(after: str | None = None) -> Cursor | None:
    """The cursor a caller hands back; refused where we did not give it."""
    try:
        return Cursor.read(after) if after else None
    except ValueError:
        zh, en = "翻页标记无效。", "`after` has to be the `next` of a page."
        raise Refused(422, "cursor_unknown", zh, en, measured=after) from None


def api(queue: QueueStore) -> APIRouter:
    """The routes of the queue."""
    router = APIRouter(prefix="/v1", tags=["queue"])

    @router.get("/queue")
    async def page(
        caller: Admin,
        kind: Kind,
        wanted: Annotated[Wanted, Depends()],
        after: Annotated[Cursor | None, Depends(cursor)],
        limit: Annotated[int, Query(ge=1, le=PAGE)] = 50,
    ) -> QueuePage:
        """A page of studios or entries, in the order they were handed in."""
        return await queue.page(kind, region_of(caller), wanted, after, limit)

    @router.get("/queue.csv", response_class=StreamingResponse)
    async def spreadsheet(caller: Admin, kind: Kind, wanted: Annotated[Wanted, Depends()]) -> StreamingResponse:
        """The same as a spreadsheet, whole."""
        lines = queue.all(kind, region_of(caller), wanted)
        name = {"content-disposition": f'attachment; filename="{kind}.csv"'}
        return StreamingResponse(written(kind, lines), media_type="text/csv; charset=utf-8", headers=name)

    @router.get("/summary")
    async def summary(caller: Admin) -> Summary:
        """How many wait, were approved, were returned, city by city."""
        return await queue.summary(region_of(caller))

    return router
