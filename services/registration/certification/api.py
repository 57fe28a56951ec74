"""Certification and regions over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from chassis.identity import Caller, Studio, only
from contracts.ids import Sha256, StudioId
from services.registration import regions
from services.registration.actions import not_found
from services.registration.certification.actions import Certification
from services.registration.certification.models import Answer, ScanTicket, StepId, StudioView
from services.registration.regions import Region

Deciding = Annotated[Caller, only("province", "national")]


class TakeScanTicket(BaseModel):
    """A scan that is about to be uploaded."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=255)
    size: int = Field(gt=0)
    """Bytes."""
    sha256: Sha256


def api(certification: Certification) -> APIRouter:
    """A studio's certification page by page, its province's look at it, and the regions to choose from."""
    router = APIRouter(tags=["certification"])

    @router.get("/v1/regions")
    async def list_regions(parent: Annotated[str | None, Query(max_length=6)] = None) -> tuple[Region, ...]:
        found = regions.regions_in(parent)
        if found is None:
            raise not_found("region")
        return found

    @router.get("/v1/studio")
    async def own_studio(caller: Studio) -> StudioView:
        return await certification.view(caller)

    @router.put("/v1/studio/certification/{step}")
    async def save_page(step: StepId, answers: dict[str, Answer], caller: Studio) -> StudioView:
        return await certification.save(caller, step, answers)

    @router.post("/v1/studio/certification/scan-ticket")
    async def take_scan_ticket(body: TakeScanTicket, caller: Studio) -> ScanTicket:
        return await certification.take_scan_ticket(caller, body.name, body.size, body.sha256)

    @router.post("/v1/studio/certification/submit")
    async def submit(caller: Studio) -> StudioView:
        return await certification.submit(caller)

    @router.get("/v1/studios/{studio}/certification")
    async def submitted_form(studio: StudioId, caller: Deciding) -> StudioView:
        return await certification.view_for(caller, studio)

    return router
