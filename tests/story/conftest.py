"""All five services in one process: their own HTTP and background work, real stores, a bus in memory, a set clock."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.ending import ended
from chassis.service import Service
from chassis.testing import MemoryBus, SetClock, client
from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import Rulebook
from deploy.demo.calendar import Calendar, write
from deploy.demo.ledger import Ledger
from deploy.demo.packages import VIDEOS, Packages
from deploy.demo.show import Counted
from deploy.demo.world import Stage
from services.media import app as media
from services.media.settings import Settings as MediaSettings
from services.notify import app as notify
from services.notify.settings import Settings as NotifySettings
from services.registration import app as registration
from services.registration.settings import Settings as RegistrationSettings
from services.review import app as review
from services.review.settings import Settings as ReviewSettings
from services.voting import app as voting
from services.voting.settings import Settings as VotingSettings
from tests.support.kinds import MailSink, ObjectStore

BEGINS = datetime(2023, 7, 1, 4, tzinfo=UTC)
MINUTES = 60.0
"""The pace of the rehearsal: each second of the demo's calendar is a minute here, and no phase ends by itself."""
ADMIN = ("national@example.org", "first-admin-password")


@dataclass(frozen=True)
class Inside:
    """The demo's world within this process; time moves when somebody pauses, and so does the bus."""

    bus: MemoryBus
    clock: SetClock
    clients: dict[str, httpx.AsyncClient]
    files: httpx.AsyncClient
    moving: asyncio.Lock = field(default_factory=asyncio.Lock)

    def service(self, name: str) -> httpx.AsyncClient:
        return self.clients[name]

    def now(self) -> datetime:
        return self.clock.now()

    async def hand_in(self, ballot: HandInBallot, message_id: str) -> BallotAnswer:
        async with self.moving:
            answer = await self.bus.hand_in(ballot, sender="frontend", message_id=message_id)
        return BallotAnswer.model_validate(answer, from_attributes=True)

    async def pause(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        async with self.moving:
            await self.bus.settle()
        await asyncio.sleep(0.02)  # for what works in the background


@dataclass(frozen=True)
class House:
    """Everything a story needs."""

    stage: Stage
    bus: MemoryBus
    clock: SetClock
    packages: Packages
    services: tuple[Service, ...]


@pytest.fixture
def rulebook(tmp_path: Path) -> Rulebook:
    """The 2023 campaign in an hour, alone in its folder."""
    made = Calendar(BEGINS, MINUTES).rulebook()
    (tmp_path / "campaigns").mkdir()
    write(made, tmp_path / "campaigns")
    return made


@pytest.fixture
def settings_of(
    tmp_path: Path, mongo_url: str, database_prefix: str, s3: ObjectStore, smtp: MailSink
) -> Callable[[Any], Any]:
    """Settings of any service, all on the same servers."""
    key, fresh = tmp_path / "signing.pem", Ed25519PrivateKey.generate()
    key.write_bytes(fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    told = {
        "env": "test", "mongo_url": mongo_url, "mongo_prefix": database_prefix, "retry_delays": (0.01, 0.02),
        "rulebooks": tmp_path / "campaigns", "signing_key_file": key, "smtp_url": smtp.url,
        "admin_email": ADMIN[0], "admin_password": ADMIN[1],
        **{f"s3_{name}": getattr(s3, name) for name in ("endpoint", "access_key", "secret_key", "bucket")},
        "s3_public_endpoint": s3.endpoint,
    }  # fmt: skip
    return lambda kind: kind(**{name: value for name, value in told.items() if name in kind.model_fields})


@pytest.fixture
async def house(
    settings_of: Callable[[Any], Any], rulebook: Rulebook, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """Seven processes of five services, alive; every message is delivered twice."""
    clock, bus = SetClock(BEGINS), MemoryBus(copies=2)
    issuing = registration.build(settings_of(RegistrationSettings), clock)
    served = {
        "registration": issuing,
        "media": media.build_api(settings_of(MediaSettings), clock),
        "review": review.build(settings_of(ReviewSettings), clock),
        "voting": voting.build_api(settings_of(VotingSettings), clock),
        "notify": notify.build(settings_of(NotifySettings), clock),
    }
    behind = (
        media.build_worker(settings_of(MediaSettings), clock),
        voting.build_tally(settings_of(VotingSettings), clock),
    )
    services = (*served.values(), *behind)
    for service in services:
        service.verifier = issuing.verifier
        await bus.join(service)
    packages = Packages(tmp_path_factory.mktemp("videos"))
    await packages.make_videos({"plain": VIDEOS["plain"]})
    working = [asyncio.ensure_future(work()) for service in services for work in service.tasks]
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(client(service)) for name, service in served.items()}
        files = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        stage = Stage(Inside(bus, clock, clients, files), rulebook, Ledger(rulebook.id), Counted())
        yield House(stage, bus, clock, packages, services)
    await ended(*working)
    for service in services:
        await service.client.close()
    assert [task.exception() for task in working if not task.cancelled()] == []
