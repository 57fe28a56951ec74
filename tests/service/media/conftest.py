"""Both media processes on one bus, a real MongoDB and a real S3 store, with callers of every role; the queue alone."""

import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.service import Service
from chassis.settings import ServiceSettings
from chassis.testing import Issuer, MemoryBus, SetClock, client
from contracts.events.event import Event
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.rulebook import SHIPPED
from services.media.app import assemble_worker, build_api, build_worker
from services.media.materials.passes import PASSES, Passes
from services.media.queue.store import QueueStore
from services.media.settings import Settings
from tests.service.conftest import SettingsOf
from tests.service.media.line import Line
from tests.support.factories import make
from tests.support.kinds import ObjectStore as Bucket

MIB = 2**20


def package(filling: int = 0) -> bytes:
    """A small zip; `filling` bytes make it larger."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("说明.txt", "活动视频")
        archive.writestr("filling.bin", b"\0" * filling)
    return whole.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def lenient(folder: Path) -> Path:
    """A folder of its own for the campaign with rules that advise, so that a small package passes."""
    text = (SHIPPED / "cloud-studio-2023.yaml").read_text().replace("{level: required, ", "{level: advice, ")
    (campaigns := folder / "campaigns").mkdir()
    (campaigns / "cloud-studio-2023.yaml").write_text(text)
    return campaigns


def submitted(entry: str, *materials: str) -> EntrySubmitted:
    """An entry's first attempt with such material in it."""
    [example] = make(EntrySubmitted).materials[:1]
    named = tuple(example.model_copy(update={"material": material}) for material in materials)
    return make(EntrySubmitted, entry=entry, studio="s-1", account="a-1", attempt=1, materials=named)


async def post(form: dict[str, Any], data: bytes) -> int:
    """Send a file as a browser's form does."""
    async with httpx.AsyncClient(timeout=30) as web:
        return (await web.post(form["url"], data=form["fields"], files={"file": ("活动视频.zip", data)})).status_code


@dataclass
class Media:
    """The service and everything around it."""

    api: Service
    worker: Service
    bus: MemoryBus
    clock: SetClock
    issuer: Issuer
    store: ObjectStore
    settings: Settings
    clients: dict[str, httpx.AsyncClient] = field(default_factory=dict)

    def as_(self, who: str, **claims: str) -> httpx.AsyncClient:
        """A client signed in with a role and its claims."""
        token = self.issuer.token(who, **claims)  # type: ignore[arg-type] # tests name roles that do not exist too
        return self.clients.setdefault(f"{who} {claims}", client(self.api, token))

    @property
    def studio(self) -> httpx.AsyncClient:
        """The studio the entries of this test belong to."""
        return self.as_("studio", account="a-1", studio="s-1", province="620000", city="620100")

    @property
    def province(self) -> httpx.AsyncClient:
        """An admin of the entries' province."""
        return self.as_("province", account="p-1", province="620000")

    async def hear(self, *events: Event) -> None:
        """Let events arrive, in this order."""
        for event in events:
            await self.bus.tell(event)
            await self.bus.settle()

    async def settle(self, passes: Passes = PASSES) -> None:
        """Let everything be told and every job be done, as workers and time would."""
        parts = assemble_worker(self.worker, self.settings, passes)
        await self.bus.settle()
        while await self.api.database.jobs.find_one({"state": {"$in": ["waiting", "running", "paused"]}}):
            await parts.queue.tend()
            await parts.worker.step()
            await self.bus.settle()

    async def held(self) -> list[str]:
        """Why each job that waits for a person was given up."""
        return [row["reason"] async for row in self.api.database.jobs.find({"state": "held"})]

    async def opened(self, **changes: object) -> EntryOpened:
        """An entry of the studio, heard of."""
        event = make(EntryOpened, **{"entry": new_id(), "studio": "s-1", "account": "a-1", **changes})
        await self.hear(event)
        return event

    async def ask(self, entry: str, data: bytes, **changes: object) -> httpx.Response:
        """Ask for a ticket."""
        wanted = {"entry": entry, "slot": "video", "name": "活动视频.zip", "size": len(data), "sha256": digest(data)}
        return await self.studio.post("/v1/tickets", json=wanted | changes)

    async def take(self, entry: str, data: bytes, **changes: object) -> dict[str, Any]:
        """Take a ticket that is granted."""
        answer = await self.ask(entry, data, **changes)
        assert answer.status_code == 201, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    async def send(self, ticket: dict[str, Any], data: bytes, *numbers: int) -> None:
        """Send some or all of the parts a ticket still misses to where it says."""
        async with httpx.AsyncClient(timeout=30) as web:
            for part in ticket["parts"]:
                start = (part["number"] - 1) * ticket["part_size"]
                if not numbers or part["number"] in numbers:
                    (await web.put(part["url"], content=data[start : start + part["size"]])).raise_for_status()

    async def force(self, ticket: dict[str, Any], number: int, data: bytes) -> None:
        """Send a part of any length, as a store that does not hold to the ticket's would take it."""
        row = await self.api.database.tickets.find_one({"_id": ticket["ticket"]})
        assert row is not None
        async with httpx.AsyncClient(timeout=30) as web:
            url = self.store.presign_part(row["key"], row["upload"], number, len(data), 60)
            (await web.put(url, content=data)).raise_for_status()

    async def complete(self, ticket: dict[str, Any]) -> httpx.Response:
        return await self.studio.post(f"/v1/tickets/{ticket['ticket']}/complete")

    async def uploaded(self, entry: str, data: bytes, **changes: object) -> str:
        """Material that came in whole and was told of, checked by nobody yet; its id."""
        ticket = await self.take(entry, data, **changes)
        await self.send(ticket, data)
        answer = await self.complete(ticket)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["material"])

    async def state(self, ticket: dict[str, Any]) -> str:
        """Where a ticket stands."""
        return str((await self.studio.get(f"/v1/tickets/{ticket['ticket']}")).json()["state"])

    async def keys(self) -> list[str]:
        """The keys of the objects this test's database knows or knew, that lie whole in the store."""
        known = {row["key"] async for row in self.api.database.tickets.find()}
        return sorted(item.key for item in await self.store.list("material/") if item.key in known)

    async def parked(self) -> list[str]:
        """Why each parked message was given up."""
        return [row["reason"] async for row in self.api.records.parked.find()]

    async def audited(self, subject: str) -> list[str]:
        """What was done to a subject, oldest first."""
        return [row["did"] async for row in self.api.records.audit.find({"subject": subject}).sort("n")]


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    """An Ed25519 key as deployments give it."""
    file = tmp_path / "signing.pem"
    key = Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def rulebooks(tmp_path: Path) -> Path:
    """The folder of the one campaign these tests run in."""
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "cloud-studio-2023.yaml").write_bytes((SHIPPED / "cloud-studio-2023.yaml").read_bytes())
    return folder


@pytest.fixture
async def media(
    bus: MemoryBus, clock: SetClock, issuer: Issuer, settings_of: Any, s3: Bucket, signing_key: Path, rulebooks: Path
) -> AsyncIterator[Media]:
    settings = settings_of(
        Settings,
        s3_endpoint=s3.endpoint,
        s3_public_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_bucket=s3.bucket,
        signing_key_file=signing_key,
        rulebooks=rulebooks,
    )
    api, worker = await bus.join(build_api(settings, clock)), await bus.join(build_worker(settings, clock))
    issuer.admit(api)
    store = ObjectStore(s3.endpoint, s3.endpoint, s3.access_key, s3.secret_key, s3.bucket)
    world = Media(api, worker, bus, clock, issuer, store, settings)
    yield world
    for open_client in world.clients.values():
        await open_client.aclose()
    await api.client.close()
    await worker.client.close()


@pytest.fixture
async def line(settings_of: SettingsOf) -> AsyncIterator[Line]:
    """An empty queue."""
    service = Service("media", settings_of(ServiceSettings))
    store = QueueStore(service.database)
    await service.ready_database()
    await store.prepare()
    yield Line(service, store)
    await service.client.close()
