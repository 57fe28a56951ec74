"""Deadline night: teachers who hand packages in over HTTP and insist, two workers, an object store that can be killed,
and a ledger of what was acknowledged held against everything that exists afterwards."""

import asyncio
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.registration import EntryOpened
from deploy.contracts.examples import SLOT, STUDIO_NAME
from services.media.inspect.child import LAUNCH
from services.media.inspect.tools import find
from tests.chaos.child import PATIENCE_S
from tests.chaos.lane import Lane, until
from tests.data.make_packages import RECIPES, Film, distinct, pack
from tests.support.factories import make

HASH: Final = re.compile(r"[0-9a-f]{64}")
NAME: Final = f"{STUDIO_NAME}-活动视频材料.zip"
LONG: Final = Film(seconds=240)
"""Some megabytes, so that it is looked at in place first, and by every byte later."""


@dataclass(frozen=True)
class Kind:
    """A package teachers hand in, and what has to be told of it whatever happens: the outcome, the rules it breaks,
    and the stages of its verdicts."""

    data: bytes
    outcome: str = "pass"
    broken: frozenset[str] = frozenset()
    stages: tuple[str, ...] = ("only",)
    claimed: str | None = None
    """What its ticket says of its hash, where that is not true."""

    @property
    def sha256(self) -> str:
        return self.claimed or hashlib.sha256(self.data).hexdigest()


def kinds_in(folder: Path) -> Mapping[str, Kind]:
    """One package of each kind, made once."""

    def made(name: str) -> Kind:
        recipe = RECIPES[name]
        recipe.make(folder, folder / f"{name}.zip", name)
        return Kind((folder / f"{name}.zip").read_bytes(), recipe.outcome, recipe.broken)

    small = made("stored")
    long = pack(folder / "long.zip", {"活动视频.mp4": distinct(LONG.make(folder), "long")})
    return {
        "small": small,
        "deflated": made("deflated"),
        "long": Kind(long.read_bytes(), stages=("first", "second")),
        "720p": made("720p"),
        "cut short": made("cut-short"),
        "another hash": Kind(small.data, "fail", frozenset({"upload.sha256"}), claimed="0" * 64),
    }


@dataclass
class Night:
    """The processes of media and what teachers were told."""

    api: Lane
    workers: tuple[Lane, Lane]
    kinds: Mapping[str, Kind]
    handed_in: dict[str, str] = field(default_factory=dict)
    """Material that was acknowledged, with its kind."""
    entries: dict[str, str] = field(default_factory=dict)
    """Its entry."""

    async def hand_in(self, name: str) -> str:
        """Open an entry and upload a package, asking again for as long as there is no answer; the material."""
        kind, studio, entry = self.kinds[name], new_id(), new_id()
        await self.api.tell(make(EntryOpened, entry=entry, studio=studio))
        token = self.api.token("studio", studio=studio)
        wanted = {"entry": entry, "slot": SLOT, "name": NAME, "size": len(kind.data), "sha256": kind.sha256}
        ticket = await self._insist("POST", "/v1/tickets", token, 201, json=wanted)
        while ticket["state"] != "completed":
            for part in ticket["parts"]:
                start = (part["number"] - 1) * ticket["part_size"]
                await self._put(part["url"], kind.data[start : start + part["size"]])
            await self.api.ask("POST", f"/v1/tickets/{ticket['ticket']}/complete", token)
            ticket = await self._insist("GET", f"/v1/tickets/{ticket['ticket']}", token, 200)
        material = str(ticket["material"])
        self.handed_in[material], self.entries[material] = name, entry
        return material

    async def _insist(self, method: str, path: str, token: str, status: int, **options: Any) -> dict[str, Any]:
        said: list[httpx.Response] = []

        async def answered() -> bool:
            answer = await self.api.ask(method, path, token, **options)
            said[:] = [answer] if answer is not None else []
            return answer is not None and answer.status_code == status

        if not await until(answered, 3 * PATIENCE_S):
            raise TimeoutError(f"{method} {path}: {[each.text for each in said]} {self.api.last_words()}")
        found: dict[str, Any] = said[0].json()
        return found

    async def _put(self, url: str, data: bytes) -> None:
        """Send a part; one that does not arrive is asked for again by whoever looks at the ticket."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as web:
            try:
                await web.put(url, content=data)
            except httpx.TransportError:
                await asyncio.sleep(0.1)

    async def over(self) -> bool:
        """Whether everything has its last verdict, and nobody has anything left to do."""
        database = self.api.service.database
        open_ones = {"superseded_by": None, "$or": [{"check": None}, {"check.stage": "first"}]}
        if await database.materials.find_one(open_ones):
            return False
        return all([await lane.quiet() for lane in (self.api, *self.workers)])

    async def reckoning(self, objects: ObjectStore) -> list[str]:
        """Everything that is not as it was promised; empty where lost, doubled and unexpected are 0."""
        rows = await self.api.service.database.materials.find().to_list()
        found = {row["_id"]: row for row in rows}
        faults = [f"lost: {each}" for each in self.handed_in.keys() - found.keys()]
        faults += [f"unexpected: {each}" for each in found.keys() - self.handed_in.keys()]
        for material in self.handed_in.keys() & found.keys():
            faults += await self._stored_wrongly(found[material], objects)
        faults += await self._told_wrongly()
        faults += await self._left_behind(objects)
        faults += [f"told by nobody: {each}" for each in await self.api.strangers()]
        faults += [f"parked: {row['reason']}" async for row in self.api.service.records.parked.find()]
        async for job in self.api.service.database.jobs.find():
            if job["state"] != "done" or job["failures"]:
                faults.append(f"job {job['_id']}: {job['state']}, tries spent on {job['failures']} {job['reason']}")
        return faults

    async def _stored_wrongly(self, row: dict[str, Any], objects: ObjectStore) -> list[str]:
        kept = await objects.stat(row["object"]["key"])
        data = b"".join([piece async for piece in objects.stream(kept.key)])
        sent = self.kinds[self.handed_in[row["_id"]]].data
        return [] if (kept.etag, data) == (row["object"]["etag"], sent) else [f"other bytes: {row['_id']}"]

    async def _left_behind(self, objects: ObjectStore) -> list[str]:
        """Whatever lies in the store and belongs to no material and to no ticket that is still good; and processes
        that a dead worker left."""
        database = self.api.service.database
        known = {row["object"]["key"] async for row in database.materials.find()}
        good = {row["key"] async for row in database.tickets.find({"state": "open"})}
        faults = [f"object: {each.key}" for each in await objects.list("") if each.key not in known]
        faults += [f"upload: {each.key}" for each in await objects.list_uploads("") if each.key not in good]
        return faults + [f"process: {each}" for each in await asyncio.to_thread(_orphans)]

    async def _told_wrongly(self) -> list[str]:
        """Each upload is told of once, and each verdict once, as its kind has to be judged, in the same words."""
        uploads, verdicts = Counter[str](), defaultdict[str, list[MediaValidated]](list)
        async for row in self.api.service.records.outbox.find().sort("_id"):
            if row["topic"] == MaterialUploaded.topic:
                uploads[MaterialUploaded.model_validate_json(row["body"]).material] += 1
            elif row["topic"] == MediaValidated.topic:
                told = MediaValidated.model_validate_json(row["body"])
                verdicts[told.material].append(told)
        faults = [f"{count} uploads told of {each}" for each, count in uploads.items() if count != 1]
        said = defaultdict[str, set[str]](set)
        for material, name in self.handed_in.items():
            kind, told_of = self.kinds[name], verdicts[material]
            stages = tuple(told.stage for told in told_of)
            broken = {finding.rule for told in told_of for finding in told.findings if not finding.ok}
            outcomes = {told.verdict for told in told_of}
            if stages != kind.stages or broken != kind.broken or outcomes != {kind.outcome}:
                faults.append(f"{name} {material}: {stages} {outcomes} {sorted(broken)}")
            said[name] |= {str([HASH.sub("#", each.model_dump_json()) for each in told.findings]) for told in told_of}
        return faults + [
            f"{name}: judged in {len(words)} ways"
            for name, words in said.items()
            if len(words) > len(self.kinds[name].stages)
        ]


def _orphans() -> list[str]:
    """Tools and jails that live on without the worker that began them."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            parent = int((each / "stat").read_text().rpartition(")")[2].split()[1])
            command = (each / "cmdline").read_text()
            if parent == 1 and (LAUNCH in command or command.startswith(find("ffmpeg"))):
                found.append(command)
    return found
