"""One process of the product on a vhost and databases of its own: told things, killed, started again, and read out."""

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import httpx
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel
from bson import Binary

from chassis.broker import EVENTS, INGRESS, LOG, RETRY, declare
from chassis.ids import new_id
from chassis.mongo import Document
from chassis.objects import ObjectStore
from chassis.service import Service
from chassis.signing import SigningKey
from chassis.streams import attributes
from contracts.events.event import Event
from contracts.ingress import Ingress
from services.media.queue.models import OPEN
from services.registration.accounts.tokens import Signer
from tests.chaos.child import PATIENCE_S, Child, Order, built
from tests.chaos.ledger import Census, census

DELAYS = (0.2, 0.5)
JULY, SEPTEMBER = datetime(2023, 7, 21, 2, 30, tzinfo=UTC), datetime(2023, 9, 10, 4, tzinfo=UTC)
"""While entries are handed in and screened; while the public votes."""
NOW_OF = {"voting-api": SEPTEMBER, "voting-tally": SEPTEMBER}
UNFINISHED: Mapping[str, tuple[str, Document]] = {
    "notify": ("notices", {"state": "due"}),
    "media-api": ("tickets", {"state": "completing"}),
    "media-worker": ("jobs", {"state": {"$in": OPEN}}),
    "voting-api": ("rulings", {"done": False}),
}
"""What a background task still has to do, by process: the collection it lies in and how it is known."""
LATER = timedelta(minutes=2)
"""The clock goes on by this at every new start, so that what the dead process had claimed is anybody's again."""
Seen = Callable[[], Awaitable[bool]]


async def until(seen: Seen, within_s: float = PATIENCE_S, every_s: float = 0.05) -> bool:
    """Look until it is so; False where it was not in time."""
    end = time.monotonic() + within_s
    while not (found := await seen()) and time.monotonic() < end:  # noqa: ASYNC110 - it is another process's doing
        await asyncio.sleep(every_s)
    return found


@dataclass(frozen=True)
class Ground:
    """Where a lane's process lives: servers, keys and folders."""

    amqp_url: str
    stream_url: str
    settings: Mapping[str, Any]
    folder: Path
    through: Mapping[str, Any] = field(default_factory=dict)
    """What the process alone is told otherwise: lines to servers that a test can cut."""


class Lane:
    """The process, what it was told, and what it left behind."""

    def __init__(self, name: str, ground: Ground, channel: AbstractRobustChannel) -> None:
        self.name, self._ground, self._channel = name, ground, channel
        self.port = free_port()
        settings = {
            **ground.settings,
            "amqp_url": ground.amqp_url,
            "stream_url": ground.stream_url,
            "http_port": self.port,
        }
        settings["mongo_url"] += f"&appName={name}-{self.port}"
        ahead = NOW_OF.get(name, JULY) - datetime.now(UTC)
        direct = Order(name, settings, ahead, ground.folder / f"{name}-{self.port}.log")
        self._order = replace(direct, settings={**settings, **ground.through})
        self.service: Service = built(direct)
        """The same service once more, never started: its records and stores, for what a scenario needs beforehand."""
        self.child: Child | None = None
        self.log: Counter[str] = Counter()
        """Ids of everything in the log stream, with how often each is there."""
        self.votes: Counter[str] = Counter()
        """Ids of the ballots in the vote stream, with how often each is there."""
        self._voted = 0
        self.told: set[str] = set()
        self.notes: dict[str, Any] = {}
        """What a scenario keeps from one run to the next."""
        self._said = ""
        self._web = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=30)

    async def start(self) -> None:
        """Start the process, on a clock a little later, and wait until it hears."""
        self._order = replace(self._order, ahead=self._order.ahead + LATER)
        self.child = Child(self._order)
        if not await until(self.ready, every_s=0.1):
            raise TimeoutError(f"{self.name} did not become ready: {self._said} {self.last_words()}")

    def poison(self, entry: str) -> None:
        """From its next start on the process dies in the middle of looking at this entry's material."""
        self._order = replace(self._order, poison=entry)

    async def restart(self) -> None:
        """Start again after a death, without waiting for what the dead process held."""
        await self.let_go()
        await self.start()

    async def let_go(self) -> None:
        """Let run out at once what dead processes held for some seconds: the relay's lease, jobs, books, and the
        transaction MongoDB still keeps open for this one."""
        over = {"$set": {"until": datetime.fromtimestamp(0, UTC)}}
        await self.service.records.leases.update_many({}, over)
        await self.service.database.books.update_many({}, over)
        await self.service.database.jobs.update_many({"state": "running"}, over)
        await self.end_transactions()

    async def end_transactions(self) -> None:
        """End what MongoDB keeps open for a dead process, as it does itself after some seconds."""
        admin = self.service.client.admin
        mine = {"appName": f"{self.name}-{self.port}", "transaction": {"$exists": True}}
        steps: list[Document] = [{"$currentOp": {"idleSessions": True}}, {"$match": mine}]
        open_ones = [{"id": Binary.from_uuid(row["lsid"]["id"])} async for row in await admin.aggregate(steps)]
        if open_ones:
            await admin.command("killSessions", open_ones)

    @property
    def alive(self) -> Child:
        """The process, which must have been started."""
        assert self.child is not None
        return self.child

    async def ready(self) -> bool:
        """Whether the process says it is ready; raises where it has died."""
        if self.alive.exit_code is not None:
            raise RuntimeError(f"{self.name} ended with {self.alive.exit_code}: {self.last_words()}")
        try:
            answer = await self._web.get("/health/ready")
        except httpx.TransportError:
            return False
        self._said = answer.text
        return answer.status_code == 200

    async def says(self, words: str) -> bool:
        """Whether what the process last answered about its readiness has these words in it."""
        return words in self._said

    async def tell(self, event: Event) -> str:
        """Publish an event as another service's relay would; its id."""
        return await self._publish(EVENTS, event.topic, event, event.subject)

    async def hand_in(self, request: Ingress) -> str:
        """Publish a request as a frontend would; its id."""
        return await self._publish(INGRESS, request.topic, request, "")

    async def ask(self, method: str, path: str, token: str = "", **options: Any) -> httpx.Response | None:
        """Call the process over HTTP; None where it died before it answered."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            return await self._web.request(method, path, headers=headers, **options)
        except httpx.TransportError:
            return None

    def objects(self) -> ObjectStore:
        """The S3 store the process uses."""
        told = self._ground.settings
        return ObjectStore(
            told["s3_endpoint"], told["s3_endpoint"], told["s3_access_key"], told["s3_secret_key"], told["s3_bucket"]
        )

    async def put(self, url: str, data: bytes) -> None:
        """Send bytes to the S3 store, as a browser would."""
        async with httpx.AsyncClient(trust_env=False) as web:
            (await web.put(url, content=data)).raise_for_status()

    def token(self, role: str, **claims: str) -> str:
        """A token of an account `who` in a role."""
        signer = Signer(SigningKey.read(self._ground.settings["signing_key_file"]), "zhumeng")
        return signer.sign(f"{role}-account", {"role": role, **claims}, datetime.now(UTC))

    async def quiet(self) -> bool:
        """Whether there is nothing left to do: every message handled and acknowledged, every event in the log."""
        passed = self.alive.passed()
        under_way = passed["received"] != passed["after_ack"] or (passed["confirmed"] and not passed["marked"])
        if under_way or not await self._queues_are_empty():
            return False
        if not self.told <= await self._handled():
            return False
        if self.name in UNFINISHED:
            collection, left = UNFINISHED[self.name]
            if await self.service.database[collection].find_one(left):
                return False
        rows = await self.service.records.outbox.find({}, {"waiting": 1}).to_list()
        told = not any(row.get("waiting") for row in rows) and {row["_id"] for row in rows} <= self.log.keys()
        return told and await self.all_votes_told()

    async def all_votes_told(self) -> bool:
        """Whether every ballot is in the vote stream that was not held, or was and then counted; and where this process
        counts, counted."""
        if self.service.stream is None:
            return True
        stream = await self.service.stream.part()
        while found := await stream.poll(self._voted, 0.05):
            self.votes.update(attributes(entry.message)["ce-id"] for entry in found)
            self._voted = found[-1].offset + 1
        votes = {"$or": [{"held": None}, {"later": {"$exists": True}}]}
        kept = {row["ballot"] async for row in self.service.database.ballots.find(votes, {"ballot": 1})}
        place = await self.service.database.positions.find_one({"_id": "votes"}) or {"next": 0}
        return kept <= self.votes.keys() and (self.name != "voting-tally" or place["next"] == self._voted)

    async def settle(self) -> None:
        """Wait until it is quiet, twice."""
        for _ in range(2):
            if not await until(self.quiet):
                lost = self.told - await self._handled()
                raise TimeoutError(f"{self.name} does not settle; never handled: {sorted(lost)}; {self.last_words()}")

    async def census(self) -> Census:
        """Everything in the service's database."""
        return await census(self.service.database)

    async def strangers(self) -> set[str]:
        """Ids in the log stream of events nobody told."""
        rows = await self.service.records.outbox.find({}, {"_id": 1}).to_list()
        return self.log.keys() - self.told - {row["_id"] for row in rows}

    def last_words(self) -> str:
        """The end of the process's log."""
        path = self._order.log
        return path.read_text(errors="replace")[-2500:] if path.exists() else "no log"

    async def close(self) -> None:
        """Kill the process and let go of everything."""
        if self.child is not None:
            self.child.kill()
            await self.end_transactions()
        await self._web.aclose()
        if self.service.stream is not None:
            await self.service.stream.stop()
        await self.service.client.close()

    async def _publish(self, exchange: str, topic: str, body: Event | Ingress, subject: str) -> str:
        message_id = new_id()
        self.told.add(message_id)
        message = aio_pika.Message(
            body.model_dump_json().encode(),
            message_id=message_id,
            headers={"ce-id": message_id, "ce-subject": subject},
            user_id=urlsplit(self._ground.amqp_url).username,
        )
        await (await self._channel.get_exchange(exchange, ensure=False)).publish(message, topic)
        return message_id

    async def _handled(self) -> set[str]:
        """Ids of the messages that had their effect or were parked."""
        records = self.service.records
        keys = [row["_id"] for kept in (records.inbox, records.parked) async for row in kept.find({}, {"_id": 1})]
        return {key.rpartition(":")[2] for key in keys}

    async def _queues_are_empty(self) -> bool:
        names = [hearer.queue for hearer in self.service.hears.hearers]
        names += [f"{RETRY}.{round(delay * 1000)}ms" for delay in DELAYS]
        for name in names:
            queue = await self._channel.declare_queue(name, passive=True, robust=False)
            if queue.declaration_result.message_count:
                return False
        return True

    async def read_log(self) -> None:
        """Follow the log stream from its first message."""
        stream = await self._channel.get_queue(LOG, ensure=False)
        await stream.consume(self._note, arguments={"x-stream-offset": "first"})

    async def _note(self, message: AbstractIncomingMessage) -> None:
        self.log[str(message.message_id)] += 1
        await message.ack()


@asynccontextmanager
async def lane(name: str, ground: Ground) -> AsyncIterator[Lane]:
    """A lane with its process started."""
    async with await aio_pika.connect_robust(ground.amqp_url) as connection:
        channel = await connection.channel()
        assert isinstance(channel, AbstractRobustChannel)
        await channel.set_qos(100)
        await declare(channel, DELAYS)
        made = Lane(name, ground, channel)
        try:
            await made.read_log()
            await made.start()
            yield made
        finally:
            await made.close()


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
