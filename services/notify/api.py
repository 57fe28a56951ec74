"""Notices over HTTP: one's own, and the page to read them on."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from chassis.identity import SignedIn
from contracts.ids import NoticeId
from services.notify.actions import Notify
from services.notify.models import Notice

PAGE = Path(__file__).parent / "pages" / "inbox.html"


class NoticeOut(BaseModel):
    """One notice."""

    notice: NoticeId
    template: str
    subject: str
    body: str
    at: datetime
    read_at: datetime | None


class Inbox(BaseModel):
    """A page of one's notices, newest first."""

    unread: int
    """Of all, not of this page."""
    notices: list[NoticeOut]


def notice_out(notice: Notice) -> NoticeOut:
    """What its owner sees of a notice."""
    fields = notice.model_dump(include={"template", "subject", "body", "read_at"})
    return NoticeOut(notice=notice.id, at=notice.created_at, **fields)


def api(notify: Notify) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1", tags=["notify"])
    page = PAGE.read_text()

    @router.get("/notices")
    async def notices(
        caller: SignedIn, after: str | None = None, unread: bool = False,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Inbox:  # fmt: skip
        """One's own notices, newest first; `after` is the last id of the page before."""
        count, found = await notify.inbox(caller.account, after, unread, limit)
        return Inbox(unread=count, notices=[notice_out(notice) for notice in found])

    @router.post("/notices/{notice}/read")
    async def read(caller: SignedIn, notice: NoticeId) -> NoticeOut:
        """Mark a notice as read."""
        return notice_out(await notify.read(caller.account, notice))

    @router.get("/inbox", response_class=HTMLResponse)
    async def inbox() -> str:
        """The page to sign in and read on; it holds no notices itself."""
        return page

    return router
