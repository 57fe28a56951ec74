"""HTTP for those who may see material: its state, its findings, a short-lived link to it."""

from datetime import datetime, timedelta
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel

from chassis.identity import Caller, only
from contracts.events.media import Finding
from contracts.ids import EntryId, MaterialId, Revision, Sha256, SlotId
from services.media.materials.actions import Materials
from services.media.materials.models import Material, MaterialState, Outcome

Viewer = Annotated[Caller, only("studio", "province")]


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
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, material: Material) -> Self:
        check = material.check
        plain = {"entry", "slot", "name", "size", "sha256", "revision", "taken_at", "uploaded_at", "superseded_by"}
        return cls.model_validate(
            {
                **material.model_dump(include=plain),
                "material": material.id,
                "state": material.state,
                "verdict": check.outcome if check else None,
                "checked_at": check.at if check else None,
                "findings": check.findings if check else (),
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
        return MaterialView.of(await materials.show(caller, material))

    @router.get("/{material}/link")
    async def link(caller: Viewer, material: MaterialId) -> Link:
        return Link(url=await materials.link(caller, material), expires_in=int(link_lasts.total_seconds()))

    return router
