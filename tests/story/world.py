"""All five services in one process: on a bus in memory, a clock that moves when somebody waits, and real stores."""

import asyncio
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from chassis.ending import ended
from chassis.service import Service
from chassis.testing import MemoryBus, SetClock, client
from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import SHIPPED, Rulebook
from deploy.demo.calendar import write
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

ADMIN = ("admin@example.org", "first-admin-of-the-story")


@dataclass
class StoryWorld:
    """What the demo's people act in."""

    bus: MemoryBus
    clock: SetClock
    services: dict[str, Service]
    clients: dict[str, httpx.AsyncClient]
    files: httpx.AsyncClient
    tasks: list[asyncio.Task[None]]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def service(self, name: str) -> httpx.AsyncClient:
        return self.clients[name]

    async def hand_in(self, ballot: HandInBallot, message_id: str) -> BallotAnswer:
        async with self.lock:
            answer = await self.bus.hand_in(ballot, "frontend", message_id)
        return BallotAnswer.model_validate(answer, from_attributes=True)

    def now(self) -> datetime:
        return self.clock.now()

    async def pause(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        async with self.lock:
            await self.bus.settle()
        await asyncio.sleep(0.01)

    async def close(self) -> None:
        await ended(*self.tasks)
        for each in (*self.clients.values(), self.files):
            await each.aclose()
        for service in self.services.values():
            await service.client.close()


def key_file(folder: Path) -> Path:
    """A signing key of the story's own."""
    file = folder / "signing.pem"
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def stores(s3: ObjectStore) -> dict[str, str]:
    """The settings of whoever uses files."""
    return {
        "s3_endpoint": s3.endpoint,
        "s3_public_endpoint": s3.endpoint,
        "s3_access_key": s3.access_key,
        "s3_secret_key": s3.secret_key,
        "s3_bucket": s3.bucket,
    }


async def story_world(
    folder: Path,
    rulebook: Rulebook,
    bus: MemoryBus,
    clock: SetClock,
    mongo: dict[str, str],
    s3: ObjectStore,
    smtp: MailSink,
) -> StoryWorld:
    """Build every process as it is built for production, and let all of them live."""
    rulebooks = folder / "rulebooks"
    shutil.copytree(SHIPPED, rulebooks)
    write(rulebook, rulebooks)
    shared: dict[str, Any] = {"env": "test", **mongo, "rulebooks": rulebooks, "retry_delays": (0.01, 0.02)}
    signed: dict[str, Any] = {"signing_key_file": key_file(folder), **stores(s3)}
    admin: dict[str, Any] = {"admin_email": ADMIN[0], "admin_password": SecretStr(ADMIN[1])}
    media_settings = MediaSettings(**shared, **signed)
    voting_settings = VotingSettings(**shared, signing_key_file=signed["signing_key_file"])
    services = {
        "registration": registration.build(RegistrationSettings(**shared, **signed, **admin), clock),
        "media": media.build_api(media_settings, clock),
        "media-worker": media.build_worker(media_settings, clock),
        "review": review.build(ReviewSettings(**shared), clock),
        "voting": voting.build_api(voting_settings, clock),
        "voting-tally": voting.build_tally(voting_settings, clock),
        "notify": notify.build(NotifySettings(**shared, smtp_url=smtp.url), clock),
    }
    for service in services.values():
        service.verifier = services["registration"].verifier
        await bus.join(service)
    tasks = [asyncio.ensure_future(task()) for service in services.values() for task in service.tasks]
    clients = {name: client(service) for name, service in services.items()}
    return StoryWorld(bus, clock, services, clients, httpx.AsyncClient(timeout=60, trust_env=False), tasks)
