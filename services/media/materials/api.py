"""HTTP for those who may see material: its state, its findings, a short-lived link to it."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel

from chassis.identity import Caller, only
from contracts.events.media import Finding
from contracts.ids import EntryId, MaterialId, Revision, Sha256, SlotId
from services.media.materials.actions import Materials
from services.media.materials.models import Material, MaterialState, Outcome, Stage
from services.media.materials.wording import in_words
from services.media.queue.models import Standing, Task

Viewer = Annotated[Caller, only("studio", "province")]


class ProgressView(BaseModel):
    """How far a check is, in figures and in words."""

    task: Task
    state: Literal["waiting", "running", "held"]
    place: int | None
    """Its place in the queue, from 1."""
    expected_s: int | None
    """Seconds until it will probably begin; None while nothing is known of how long one takes."""
    percent: int | None
    """How much of its bytes were read, while it runs."""
    zh: str
    en: str

    @classmethod
    def of(cls, standing: Standing) -> Self:
        job = standing.job
        state: Literal["waiting", "running", "held"] = "waiting" if job.state in ("waiting", "paused") else "running"
        state = "held" if job.state == "held" else state
        zh, en = in_words(standing)
        figures = {"place": standing.place, "expected_s": standing.expected_s, "percent": job.percent}
        return cls(task=job.task, state=state, zh=zh, en=en, **figures)


class MaterialView(BaseModel):
    """Material with its verdict, once there is one."""

    material: MaterialId
    entry: EntryId
    slot: SlotId
    name: str
    size: int
    sha256: Sha256
    revision: Revision
    """The rulebook its ticket was taken and its verdict is made under."""
    state: MaterialState
    taken_at: datetime
    uploaded_at: datetime
    superseded_by: MaterialId | None
    verdict: Outcome | None
    checked_at: datetime | None
    stage: Stage | None
    """`first`: the verdict counts, and every byte is still to be read; then it is `second`."""
    findings: tuple[Finding, ...]
    progress: ProgressView | None = None
    """Of a check that is not over; None where there is none, and in lists."""

    @classmethod
    def of(cls, material: Material, standing: Standing | None = None) -> Self:
        check = material.check
        plain = {"entry", "slot", "name", "size", "sha256", "revision", "taken_at", "uploaded_at", "superseded_by"}
        return cls.model_validate(
            {
                **material.model_dump(include=plain),
                "material": material.id,
                "state": material.state,
                "verdict": check.outcome if check else None,
                "checked_at": check.at if check else None,
                "stage": check.stage if check else None,
                "findings": check.findings if check else (),
                "progress": ProgressView.of(standing) if standing else None,
            }
        )


class Link(BaseModel):
    """Where the file can be read, by ranges too, for `expires_in` seconds."""

    url: str
    expires_in: int


def api(materials: Materials, link_lasts: timedelta) -> APIRouter:
    """The routes under `/v1/materials`."""
    router = APIRouter(prefix="/v1/materials", tags=["materials"])

    @router.get("/{material}")
    async def show(caller: Viewer, material: MaterialId) -> MaterialView:
        found = await materials.show(caller, material)
        return MaterialView.of(found, await materials.standing(found))

    @router.get("/{material}/link")
    async def link(caller: Viewer, material: MaterialId) -> Link:
        return Link(url=await materials.link(caller, material), expires_in=int(link_lasts.total_seconds()))

    return router
