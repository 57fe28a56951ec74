"""HTTP for whoever shows approved entries: each published file with a short-lived address."""

from datetime import timedelta
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from chassis.identity import SignedIn
from contracts.ids import EntryId, MaterialId, Sha256, SlotId
from services.media.publish.actions import Shown


class PublishedView(BaseModel):
    """A file to show. `url` can be read by ranges for `expires_in` seconds; then it is asked for again."""

    material: MaterialId
    slot: SlotId
    kind: Literal["video", "poster", "picture", "text"]
    name: str
    type: str
    size: int
    sha256: Sha256
    url: str
    expires_in: int


def api(shown: Shown, link_lasts: timedelta) -> APIRouter:
    """What is published of an entry; an approved entry is for everybody, so any account may ask."""
    router = APIRouter(prefix="/v1", tags=["published"])

    @router.get("/entries/{entry}/published")
    async def published(_: SignedIn, entry: EntryId) -> list[PublishedView]:
        return [
            PublishedView(
                material=material.id,
                slot=material.slot,
                url=url,
                expires_in=int(link_lasts.total_seconds()),
                **file.model_dump(include={"kind", "name", "type", "size", "sha256"}),
            )
            for material, file, url in await shown.of_entry(entry)
        ]

    return router
