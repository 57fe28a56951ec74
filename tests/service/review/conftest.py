"""The review service on a bus of its own, with callers of every role."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chassis.service import Service
from chassis.testing import Issuer, MemoryBus, SetClock, client
from contracts.events.event import Event
from contracts.ids import Role
from contracts.rulebook import SHIPPED
from services.review.app import build
from services.review.settings import Settings
from tests.service.review.events import BEIJING, CAMPAIGN, GANSU, LANZHOU, SICHUAN

CLAIMS: dict[str, tuple[Role, dict[str, Any]]] = {
    "gansu": ("province", {"province": GANSU}),
    "gansu2": ("province", {"province": GANSU}),
    "sichuan": ("province", {"province": SICHUAN}),
    "lanzhou": ("city", {"province": GANSU, "city": LANZHOU}),
    "national": ("national", {}),
    "expert": ("expert", {}),
    "expert2": ("expert", {}),
    "studio": ("studio", {"province": GANSU, "city": LANZHOU, "studio": "studio-1"}),
    "frontend": ("frontend", {}),
    "ops": ("ops", {}),
    "analytics": ("analytics", {}),
    "beijing": ("province", {"province": BEIJING}),
}


@dataclass
class World:
    """The service, its bus, and who calls it."""

    service: Service
    bus: MemoryBus
    clock: SetClock
    issuer: Issuer

    def as_(self, who: str | None) -> httpx.AsyncClient:
        """A client signed in as somebody of `CLAIMS`; None is the public."""
        if who is None:
            return client(self.service)
        role, claims = CLAIMS[who]
        return client(self.service, self.issuer.token(role, account=f"account-{who}", **claims))

    async def get(self, who: str | None, path: str, **params: Any) -> httpx.Response:
        async with self.as_(who) as http:
            return await http.get(path, params=params)

    async def post(self, who: str | None, path: str, body: Any = None) -> httpx.Response:
        async with self.as_(who) as http:
            return await http.post(path, json=body)

    async def hear(self, *events: Event) -> None:
        """Let events arrive, in this order."""
        for event in events:
            await self.bus.tell(event)
            await self.bus.settle()

    async def audited(self, subject: str) -> list[dict[str, Any]]:
        """The audit records of a subject, oldest first."""
        return await self.service.records.audit.find({"subject": subject}).sort("n").to_list()

    async def parked(self) -> list[str]:
        """Why each parked message was given up."""
        return [row["reason"] async for row in self.service.records.parked.find()]


@pytest.fixture(scope="session")
def rulebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the one rulebook these tests are about."""
    folder = tmp_path_factory.mktemp("rulebooks")
    shutil.copy(SHIPPED / f"{CAMPAIGN}.yaml", folder)
    return folder


@pytest.fixture
async def world(bus: MemoryBus, clock: SetClock, issuer: Issuer, settings_of: Any, rulebooks: Path) -> World:
    service = await bus.join(build(settings_of(Settings, rulebooks=rulebooks), clock))
    issuer.admit(service)
    return World(service, bus, clock, issuer)
