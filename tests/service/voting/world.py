"""The vote a test stands in: its processes, its channel, what it can do."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import httpx

from chassis.service import Service
from chassis.testing import MemoryBus, SetClock
from contracts.events.review import EntrySubject, ProvinceApproved, ProvinceReturned
from contracts.rulebook import SHIPPED, load
from services.voting.actions import Tallying, Voting
from services.voting.app import build_api, taking, tallying
from services.voting.settings import Settings
from services.voting.store import VotingStore
from tests.support.factories import make

BOOK = load(SHIPPED / "cloud-studio-2023.yaml")
assert BOOK.voting is not None
OPENS, CLOSES = (moment.instant for moment in (BOOK.voting.windows[0].opens, BOOK.voting.windows[0].closes))


def somebody(number: int) -> str:
    """A voter's id as platforms give them: no two look alike."""
    return sha256(str(number).encode()).hexdigest()[:28]


def approved(entry: str, **changes: Any) -> ProvinceApproved:
    """A province's approval of an entry of the vote."""
    returned = make(ProvinceReturned).about
    assert isinstance(returned, EntrySubject)
    about = returned.model_copy(update={"entry": entry, "campaign": BOOK.id, "track": "theme-video"} | changes)
    return make(ProvinceApproved, about=about)


@dataclass(frozen=True)
class Vote:
    """The two processes of voting, what they share, and a channel's own client."""

    api: Service
    tally: Service
    bus: MemoryBus
    clock: SetClock
    store: VotingStore
    voting: Voting
    """The actions of an API process."""
    channel: httpx.AsyncClient
    public: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def replica(self) -> AsyncIterator[Voting]:
        """Another API process's actions, with a connection of its own."""
        settings = Settings.model_validate(self.api.settings.model_dump())
        service = build_api(settings, self.clock)
        service.stream = self.bus.stream
        yield taking(service, settings)
        await service.client.close()

    @property
    def tallying(self) -> Tallying:
        """The tally's actions."""
        return tallying(self.tally, Settings.model_validate(self.tally.settings.model_dump()))

    async def open(self, *entries: str) -> None:
        """Let entries be voted on."""
        for entry in entries:
            await self.bus.tell(approved(entry))
        await self.bus.settle()

    async def cast(self, voter: str, entry: str = "bridge", **more: Any) -> Any:
        """Hand a ballot in over HTTP."""
        ballot = {"campaign": BOOK.id, "entry": entry, "voter": voter, **more}
        response = await self.channel.post("/v1/votes", json=ballot)
        assert response.status_code == 200, response.text
        return response.json()

    async def shown(self) -> Any:
        """The tally as the public sees it."""
        return (await self.public.get(f"/v1/campaigns/{BOOK.id}/tally")).json()
