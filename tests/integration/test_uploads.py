"""Uploads through the real processes on real servers: cut, resumed, killed at the worst moments, told exactly once."""

import asyncio
import hashlib
import io
import json
import os
import random
import signal
import socket
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import aio_pika
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.broker import EVENTS
from chassis.ids import new_id
from chassis.signing import SigningKey
from contracts.events.event import CATALOGUE, Event
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.registration import EntryOpened
from contracts.rulebook import SHIPPED, dump, load, rehearsal
from tests.support.factories import make
from tests.support.kinds import ObjectStore, Rabbit, Vhost

MIB = 2**20
READY_S = 60


@dataclass
class Media:
    """The media processes as they are run, a studio that uploads, and an ear on everything they tell."""

    surroundings: dict[str, str]
    campaign: str
    token: str
    ear: aio_pika.abc.AbstractQueue
    channel: aio_pika.abc.AbstractChannel
    running: list[tuple[str, asyncio.subprocess.Process]] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    log: IO[bytes] | None = None
    """Where the processes write to, instead of to where the tests do."""

    async def start(self, name: str, crash_at: str = "") -> asyncio.subprocess.Process:
        """Run a process of the product until it says it is ready, or until it is dead where it was told to die."""
        port = self.ports[name] = free_port()
        told = {"ZM_HTTP_PORT": str(port), **({"ZM_CRASH_AT": crash_at} if crash_at else {})}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy.run", name),
            env={**os.environ, **self.surroundings, **told},
            stderr=self.log,
        )
        self.running.append((name, process))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            await until(lambda: _ready(http, process), READY_S)
        return process

    async def stop(self, name: str | None = None) -> None:
        """Stop a process in good order, or all of them."""
        for process in [process for known, process in self.running if name in (None, known)]:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await process.wait()

    def studio(self) -> httpx.AsyncClient:
        """A client of the API, signed in as the studio."""
        headers = {"authorization": f"Bearer {self.token}"}
        return httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.ports['media-api']}", headers=headers, timeout=15)

    async def tell(self, event: Event) -> None:
        body = aio_pika.Message(event.model_dump_json().encode(), message_id=new_id())
        await (await self.channel.get_exchange(EVENTS)).publish(body, event.topic)

    async def ticket(self, data: bytes) -> dict[str, Any]:
        """Open an entry and take a ticket in it, asking again for as long as the entry is not known yet."""
        entry = make(EntryOpened, entry=new_id(), studio="s-1", account="a-1", campaign=self.campaign)
        wanted = {"entry": entry.entry, "slot": "video", "name": "活动视频.zip", "size": len(data)}
        await self.tell(entry)
        taken: list[dict[str, Any]] = []

        async def asked() -> bool:
            async with self.studio() as http:
                answer = await http.post("/v1/tickets", json={**wanted, "sha256": digest(data)})
            if answer.status_code == 201:
                taken.append(answer.json())
            return answer.status_code == 201

        await until(asked, 10)
        return taken[0]

    async def answered(self, path: str) -> httpx.Response:
        """The answer to a POST, asked again while the database still holds what a killed process had begun."""
        answers: list[httpx.Response] = []

        async def asked() -> bool:
            async with self.studio() as http:
                answers.append(await http.post(path))
            return answers[-1].status_code != 503

        await until(asked, 90)
        return answers[-1]

    async def told(self, kind: type[Event], count: int = 1, within_s: float = 30) -> list[Event]:
        """The different events of a kind, by their ids, once there are `count`; a second more for any too many."""
        found: dict[str, Event] = {}

        async def enough() -> bool:
            while (message := await self.ear.get(fail=False, no_ack=False)) is not None:
                if message.routing_key == kind.topic:
                    found[str(message.message_id)] = CATALOGUE[kind.topic].model_validate_json(message.body)
                    await message.ack()
                else:
                    later.append(message)
            return len(found) >= count

        later: list[aio_pika.abc.AbstractIncomingMessage] = []
        await until(enough, within_s)
        await asyncio.sleep(1)
        await enough()
        for message in later:
            await message.nack(requeue=True)
        return list(found.values())


async def _ready(http: httpx.AsyncClient, process: asyncio.subprocess.Process) -> bool:
    if process.returncode is not None:
        return True
    try:
        return (await http.get("/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


async def until(seen: Callable[[], Awaitable[bool]], within_s: float) -> None:
    """Wait for something to be seen, looking often; it is an error when the seconds run out."""
    async with asyncio.timeout(within_s):
        while not await seen():  # noqa: ASYNC110 - what is looked at lives in another process
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def package(size: int) -> bytes:
    """A zip of about `size` bytes that does not compress."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("素材.bin", random.Random(size).randbytes(size))
    return whole.getvalue()


async def put(part: dict[str, Any], ticket: dict[str, Any], data: bytes) -> None:
    start = (part["number"] - 1) * ticket["part_size"]
    async with httpx.AsyncClient(timeout=30) as web:
        (await web.put(part["url"], content=data[start : start + part["size"]])).raise_for_status()


async def put_half(part: dict[str, Any], ticket: dict[str, Any], data: bytes) -> None:
    """Send half of a part as a client that dies in the middle: the connection is reset."""
    start = (part["number"] - 1) * ticket["part_size"]
    url = urlsplit(part["url"])
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {part['size']}\r\n\r\n"
    writer.write(head.encode() + data[start : start + part["size"] // 2])
    await writer.drain()
    writer.transport.abort()


@pytest.fixture
def issuer_key(tmp_path: Path) -> Path:
    file = tmp_path / "signing.pem"
    key = Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def issuer(issuer_key: Path) -> Iterator[tuple[str, str]]:
    """Where the issuer publishes its keys, and a token it gave to a studio."""
    keys = SigningKey.read(issuer_key).jwks()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(keys).encode())

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    claims: dict[str, Any] = {"iss": "zhumeng", "sub": "a-1", "role": "studio", "studio": "s-1", "province": "620000"}
    claims["exp"] = datetime.now(UTC) + timedelta(hours=1)
    token = jwt.encode(claims, issuer_key.read_bytes(), "EdDSA", {"kid": keys["keys"][0]["kid"]})
    yield f"http://127.0.0.1:{server.server_port}/", token
    server.shutdown()
    server.server_close()


async def _media(
    rabbit: Rabbit,
    vhost: Callable[[Rabbit], Vhost],
    mongo_url: str,
    database_prefix: str,
    s3: ObjectStore,
    issuer: tuple[str, str],
    issuer_key: Path,
) -> AsyncIterator[Media]:
    own, folder = vhost(rabbit), issuer_key.parent / "campaigns"
    open_now = rehearsal(
        load(SHIPPED / "cloud-studio-2023.yaml"), datetime.now(UTC) - timedelta(minutes=1), timedelta(8)
    )
    folder.mkdir()
    (folder / f"{open_now.id}.yaml").write_text(dump(open_now))
    surroundings = {
        "ZM_ENV": "test", "ZM_AMQP_URL": own.amqp_url, "ZM_MONGO_URL": mongo_url, "ZM_MONGO_PREFIX": database_prefix,
        "ZM_JWKS_URL": issuer[0], "ZM_S3_ENDPOINT": s3.endpoint, "ZM_S3_PUBLIC_ENDPOINT": s3.endpoint,
        "ZM_S3_ACCESS_KEY": s3.access_key, "ZM_S3_SECRET_KEY": s3.secret_key, "ZM_S3_BUCKET": s3.bucket,
        "ZM_SIGNING_KEY_FILE": str(issuer_key), "ZM_RULEBOOKS": str(folder), "ZM_RETRY_DELAYS": "[0.2, 0.5, 1]",
    }  # fmt: skip
    async with await aio_pika.connect(own.amqp_url) as connection, connection.channel() as channel:
        exchange = await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
        ear = await channel.declare_queue("ear", durable=True)
        await ear.bind(exchange, "media.#")
        world = Media(surroundings, open_now.id, issuer[1], ear, channel)
        yield world
        await world.stop()


media = pytest.fixture(_media)


@pytest.fixture
async def media43(
    rabbit43: Rabbit,
    vhost: Callable[[Rabbit], Vhost],
    mongo_url: str,
    database_prefix: str,
    s3: ObjectStore,
    issuer: tuple[str, str],
    issuer_key: Path,
) -> AsyncIterator[Media]:
    """The same on the newer broker alone, where the broker is not what is tested."""
    async for world in _media(rabbit43, vhost, mongo_url, database_prefix, s3, issuer, issuer_key):
        yield world


async def test_upload_cut_in_the_third_of_four_parts_is_resumed_and_checked(media: Media) -> None:
    await media.start("media-api")
    await media.start("media-worker")
    data = package(26 * MIB)
    ticket = await media.ticket(data)
    first, second, third, _ = ticket["parts"]
    await put(first, ticket, data)
    await put(second, ticket, data)
    await put_half(third, ticket, data)
    async with media.studio() as http:
        resumed = (await http.get(f"/v1/tickets/{ticket['ticket']}")).json()
        assert [part["number"] for part in resumed["stored"]] == [1, 2]
        assert [part["number"] for part in resumed["parts"]] == [3, 4]
        for part in resumed["parts"]:
            await put(part, ticket, data)
        completed = await http.post(f"/v1/tickets/{ticket['ticket']}/complete")
        assert completed.status_code == 200, completed.text
        [told] = await media.told(MediaValidated)
        assert isinstance(told, MediaValidated)
        assert (told.material, told.sha256, told.size) == (completed.json()["material"], digest(data), len(data))
        shown = (await http.get(f"/v1/materials/{told.material}")).json()
    assert (shown["state"], shown["verdict"]) == ("checked", told.verdict)


@pytest.mark.timeout(300)  # MongoDB lets go of a killed process's transaction after a minute, unless told sooner
@pytest.mark.parametrize(
    ("crash_at", "again"),
    [("written:4", (200, None)), ("committed:4", (409, "ticket_used"))],
    ids=["before-commit", "after-commit"],
)
async def test_api_killed_after_the_object_was_made_tells_the_material_once(
    media43: Media, crash_at: str, again: tuple[int, str | None]
) -> None:
    """The four transactions are: hear the entry, take the ticket, note the completion, make the material."""
    dying = await media43.start("media-api", crash_at)
    data = package(MIB)
    ticket = await media43.ticket(data)
    await put(ticket["parts"][0], ticket, data)
    path = f"/v1/tickets/{ticket['ticket']}/complete"
    async with media43.studio() as http:
        with pytest.raises(httpx.HTTPError):
            await http.post(path)
    assert await asyncio.wait_for(dying.wait(), 10) == 137
    await media43.start("media-api")
    answer = await media43.answered(path)
    assert (answer.status_code, answer.json().get("code")) == again
    [told] = await media43.told(MaterialUploaded)
    assert isinstance(told, MaterialUploaded)
    assert (told.ticket, told.material) == (ticket["ticket"], answer.json()["material"])


@pytest.mark.timeout(300)  # the same
async def test_worker_killed_at_three_points_of_one_check_tells_the_verdict_once(media43: Media) -> None:
    await media43.start("media-api")
    dying = await media43.start("media-worker", "begun")
    data = package(MIB)
    ticket = await media43.ticket(data)
    await put(ticket["parts"][0], ticket, data)
    async with media43.studio() as http:
        assert (await http.post(f"/v1/tickets/{ticket['ticket']}/complete")).status_code == 200
    for point in ("written", "before_ack", ""):
        assert await asyncio.wait_for(dying.wait(), 60) == 137
        dying = await media43.start("media-worker", point)
    [told] = await media43.told(MediaValidated, within_s=120)
    assert isinstance(told, MediaValidated)
    assert told.sha256 == digest(data)
