"""Registration and review beside media, on one bus, with the studio of media's callers certified."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from chassis.service import Service
from chassis.testing import client
from contracts.ids import StudioId
from services.registration import app as registration
from services.registration.certification.store import StudioStore
from services.registration.settings import Settings as RegistrationSettings
from services.review import app as review
from services.review.settings import Settings as ReviewSettings
from tests.service.media.conftest import Media
from tests.service.media.test_beside_registration import SHARED
from tests.service.registration.factories import certified_studio
from tests.service.registration.stage import Stage


@dataclass(frozen=True)
class Neighbours:
    """The two services beside media."""

    stage: Stage
    screening: Service

    def province(self) -> httpx.AsyncClient:
        """An admin of the studio's province, in review."""
        return client(self.screening, self.stage.issuer.token("province", account="p-1", province="620000"))


@asynccontextmanager
async def beside(media: Media, settings_of: Any) -> AsyncIterator[Neighbours]:
    """Both services, joined to media's bus."""
    given = media.settings.model_dump(include=SHARED | {"s3_bucket"})
    service = await media.bus.join(registration.build(settings_of(RegistrationSettings, **given), media.clock))
    screening = await media.bus.join(
        review.build(settings_of(ReviewSettings, rulebooks=media.settings.rulebooks), media.clock)
    )
    for each in (service, screening):
        media.issuer.admit(each)
    studio, store = certified_studio(StudioId("s-1")), StudioStore(service.database)
    await service.transactions.run(lambda tx: store.save(tx, studio))
    yield Neighbours(Stage(service, media.bus, media.clock, media.issuer), screening)
    for each in (service, screening):
        await each.client.close()
