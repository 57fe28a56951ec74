"""The registration service as a test drives it."""

from dataclasses import dataclass
from typing import Any

import httpx

from chassis.service import Service
from chassis.testing import Issuer, MemoryBus, SetClock, client
from contracts.ids import StudioId
from contracts.rulebook import load_all
from services.registration.certification.models import Studio
from services.registration.certification.store import StudioStore
from services.registration.entries.actions import Entries
from services.registration.entries.store import EntryStore
from tests.service.registration.factories import certified_studio


@dataclass(frozen=True)
class Stage:
    """The running service and who may call it."""

    service: Service
    bus: MemoryBus
    clock: SetClock
    issuer: Issuer
    """Another issuer, for callers of any role; it is trusted beside registration's own."""

    def anybody(self) -> httpx.AsyncClient:
        """A client without a token."""
        return client(self.service)

    def bearer(self, token: str) -> httpx.AsyncClient:
        """A client with a token."""
        return client(self.service, token)

    async def token(self, email: str = "studio@example.org", password: str = "correct horse") -> str:
        """A studio's contact person registers and signs in."""
        async with self.anybody() as web:
            body = {"email": email, "password": password, "name": "示例联系人", "phone": "0931-0000000"}
            opened = await web.post("/v1/accounts", json=body)
            assert opened.status_code == 201, opened.text
            answer = await web.post("/v1/tokens", json={"email": email, "password": password})
        return str(answer.json()["access_token"])

    async def signed_in(self, email: str = "studio@example.org") -> httpx.AsyncClient:
        """A studio that has just registered."""
        return self.bearer(await self.token(email))

    async def certified(self, email: str = "studio@example.org", **changes: object) -> httpx.AsyncClient:
        """A studio that was certified before."""
        token = await self.token(email)
        async with self.bearer(token) as web:
            studio = StudioId((await web.get("/v1/studio")).json()["studio"])
        await self._keep(certified_studio(studio, **changes))
        return self.bearer(token)

    async def sweep(self) -> None:
        """One look for overdue entries, as the background task takes it."""
        service, database = self.service, self.service.database
        rulebooks = load_all(service.settings.rulebooks)
        entries = Entries(service.transactions, EntryStore(database), StudioStore(database), rulebooks, self.clock)
        await entries.give_up_overdue()

    async def documents(self) -> dict[str, list[dict[str, Any]]]:
        """Everything kept but for sign-ins, to compare before and after."""
        names = ("accounts", "studios", "entries", "outbox", "audit", "subjects")
        return {name: await self.service.database[name].find().sort("_id").to_list() for name in names}

    async def _keep(self, studio: Studio) -> None:
        store = StudioStore(self.service.database)
        await self.service.transactions.run(lambda tx: store.save(tx, studio))
