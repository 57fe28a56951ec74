"""What exists: read from MongoDB, the object store, the queues, the log stream and the mail folder."""

import asyncio
import hashlib
from collections import Counter
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any, Final

import httpx
from pymongo import AsyncMongoClient

from chassis.mongo import Document
from chassis.objects import ObjectStore
from contracts.events.event import CATALOGUE, Event
from deploy.demo.ledger import Ledger
from deploy.local.addresses import Addresses
from deploy.logstream import told
from deploy.processes import SERVICES
from deploy.votestream import votes

PREFIX: Final = "zhumeng_"
AT_ONCE: Final = 6


@dataclass
class Drain:
    """Everything of one run that is to be found, counted by what names it."""

    accounts: Counter[str] = field(default_factory=Counter)
    certified: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    materials: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    decisions: Counter[str] = field(default_factory=Counter)
    ballots: Counter[str] = field(default_factory=Counter)
    tally: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)
    """Notices to the studios' accounts that reached them, by account and template."""
    letters: Counter[str] = field(default_factory=Counter)
    """Ids of the notices among them that went by mail."""
    mails: Counter[str] = field(default_factory=Counter)
    """Ids of the notices the letters in the mail folder stand for."""
    outbox: Counter[str] = field(default_factory=Counter)
    """Ids of what was told."""
    log: Counter[str] = field(default_factory=Counter)
    """Ids of what went over the bus, repeats counted."""
    votes: Counter[str] = field(default_factory=Counter)
    """Ids of the ballots in the vote stream, repeats counted."""
    events: list[Event] = field(default_factory=list)
    """What went over the bus, each once."""
    waiting: int = 0
    """Outbox rows the broker does not have."""
    parked: list[str] = field(default_factory=list)
    queues: dict[str, int] = field(default_factory=dict)
    """Messages in every queue that is not a stream."""


async def drained(addresses: Addresses, ledger: Ledger) -> Drain:
    """Look everywhere at once."""
    drain = Drain()
    client: AsyncMongoClient[Document] = AsyncMongoClient(str(addresses.mongo_url), tz_aware=True)
    try:
        await asyncio.gather(
            _records(client, ledger, drain),
            _chassis(client, ledger, drain),
            _objects(client, addresses, ledger, drain),
            _log(addresses, ledger, drain),
            _votes(addresses, ledger, drain),
            _notices(client, addresses, ledger, drain),
            _queues(client, addresses, drain),
        )
    finally:
        await client.close()
    return drain


async def _records(client: AsyncMongoClient[Document], ledger: Ledger, drain: Drain) -> None:
    """What services keep. Ids sort by time, so all that was made in this run is greater than its first."""
    new, campaign = {"_id": {"$gt": ledger.since}}, {"campaign": ledger.campaign}
    registration, media = client[f"{PREFIX}registration"], client[f"{PREFIX}media"]
    review, voting = client[f"{PREFIX}review"], client[f"{PREFIX}voting"]
    drain.accounts.update([row["_id"] async for row in registration["accounts"].find(new, {"_id": 1})])
    async for row in registration["studios"].find({**new, "state": "certified"}):
        drain.certified[f"{row['_id']} {row['account']}"] += 1
    async for row in registration["entries"].find({**new, **campaign, "state": "approved"}):
        drain.entries[f"{row['_id']} {row['studio']}"] += 1
    async for row in media["materials"].find(campaign):
        drain.materials[f"{row['_id']} {row['entry']} {row['size']} {row['sha256']} {row['check']['outcome']}"] += 1
    for kind in ("studio", "entry"):
        rows = review[{"studio": "studios", "entry": "entries"}[kind]].find({**new, "attempt": {"$exists": True}})
        async for row in rows:
            for made in row["decisions"]:
                drain.decisions[f"{kind}/{row['_id']} {made['attempt']} {made['state']}"] += 1
    async for row in voting["ballots"].find(campaign, {"ballot": 1, "entry": 1}):
        drain.ballots[f"{row['ballot']} {row['entry']}"] += 1
    async for row in voting["tallies"].find(campaign):
        drain.tally.update({line["entry"]: line["votes"] for line in row["entries"]})


async def _chassis(client: AsyncMongoClient[Document], ledger: Ledger, drain: Drain) -> None:
    """What was told, what still waits to be, and what gave up."""
    for service in SERVICES:
        database = client[f"{PREFIX}{service}"]
        rows = database["outbox"].find({"_id": {"$gt": ledger.since}}, {"_id": 1})
        drain.outbox.update([row["_id"] async for row in rows])
        drain.waiting += await database["outbox"].count_documents({"waiting": True})
        drain.parked += [f"{row['queue']}: {row['reason']}" async for row in database["parked"].find()]


async def _objects(client: AsyncMongoClient[Document], addresses: Addresses, ledger: Ledger, drain: Drain) -> None:
    """Every object of this run's entries and studios, read whole and hashed."""
    s3 = addresses.s3
    store = ObjectStore(s3.endpoint, s3.public_endpoint, s3.access_key, s3.secret_key, s3.bucket)
    listed = await asyncio.gather(*(store.list(prefix) for prefix in ("material/", "certification/", "published/")))
    free = asyncio.Semaphore(AT_ONCE)

    async def read(key: str) -> str:
        digest, size = hashlib.sha256(), 0
        async with free:
            async for piece in store.stream(key):
                digest.update(piece)
                size += len(piece)
        return f"{key} {size} {digest.hexdigest()}"

    ours = [found.key for some in listed for found in some if found.key.split("/")[1] > ledger.since]
    drain.objects.update(await asyncio.gather(*map(read, ours)))


async def _notices(client: AsyncMongoClient[Document], addresses: Addresses, ledger: Ledger, drain: Drain) -> None:
    ours = {"account": {"$in": list(ledger.studios.values())}, "state": "sent"}
    async for row in client[f"{PREFIX}notify"]["notices"].find(ours):
        drain.notices[f"{row['account']} {row['template']}"] += 1
        if row["mail"] == "single":
            drain.letters[row["_id"]] += 1
    found = await asyncio.to_thread(_mail_ids, addresses.maildir)
    drain.mails.update(letter for letter in found if letter in drain.letters)


def _mail_ids(maildir: Path) -> list[str]:
    """The notice a letter stands for is the local part of its Message-ID."""
    found = []
    for letter in (maildir / "new").glob("*"):
        with letter.open("rb") as file:
            head = BytesHeaderParser().parse(file)
        found.append(str(head["Message-ID"]).strip("<> ").partition("@")[0])
    return found


async def notices_sent(addresses: Addresses, ledger: Ledger) -> int:
    """How many of the studios' notices have reached them so far."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(str(addresses.mongo_url))
    try:
        ours = {"account": {"$in": list(ledger.studios.values())}, "state": "sent"}
        return await client[f"{PREFIX}notify"]["notices"].count_documents(ours)
    finally:
        await client.close()


async def _log(addresses: Addresses, ledger: Ledger, drain: Drain) -> None:
    async for message in told(addresses.amqp_urls["analytics"]):
        if message.id <= ledger.since:
            continue
        drain.log[message.id] += 1
        if drain.log[message.id] == 1:
            drain.events.append(CATALOGUE[message.topic].model_validate_json(message.body))


async def _votes(addresses: Addresses, ledger: Ledger, drain: Drain) -> None:
    async for vote in votes(addresses.stream_urls["analytics"]):
        if vote.campaign == ledger.campaign:
            drain.votes[f"{vote.ballot} {vote.entry}"] += 1


async def _queues(records: AsyncMongoClient[Document], addresses: Addresses, drain: Drain) -> None:
    """How full the queues are: of the media workers' jobs, and as RabbitMQ's management says, which counts every five
    seconds."""
    jobs = await records[f"{PREFIX}media"]["jobs"].count_documents({"state": {"$ne": "done"}})
    auth = ("ops", addresses.secrets["amqp-ops"])
    async with httpx.AsyncClient(base_url=str(addresses.management_url), auth=auth, trust_env=False) as client:
        for _ in range(24):
            found: list[dict[str, Any]] = (await client.get("/api/queues")).raise_for_status().json()
            drain.queues = {each["name"]: each.get("messages", 0) for each in found if each.get("type") != "stream"}
            drain.queues["media jobs"] = jobs
            if not any(drain.queues.values()):
                return
            await asyncio.sleep(0.5)
