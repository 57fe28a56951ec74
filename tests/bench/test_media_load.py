"""Two thousand small packages from many provinces, half of them from one studio, through two workers as they are run:
none lost, each judged once and alike, and how long whom the queue let wait."""

import asyncio
import json
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import jwt
import pytest

from chassis.ids import new_id
from chassis.mongo import connect
from chassis.signing import SigningKey
from contracts.events.media import MediaValidated
from contracts.events.registration import EntryOpened
from deploy.contracts.examples import STUDIO_NAME
from tests.bench.result import report_limit
from tests.data.make_packages import Film, distinct, pack
from tests.integration.test_uploads import Media, digest, issuer, issuer_key, media43, until  # noqa: F401 # fixtures
from tests.support.factories import make

PROVINCES: Final = tuple(f"{code}0000" for code in (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47),
                                                    *range(50, 55), *range(61, 66)))  # fmt: skip
FLOOD: Final = PROVINCES[0]
PACKAGES: Final = 2000
EACH: Final = PACKAGES // 2 // (len(PROVINCES) - 1)
"""Packages of every other province, from eleven studios."""
FLOODING: Final = PACKAGES - EACH * (len(PROVINCES) - 1)
SENDERS: Final = 8
MOST_S: Final = 400
"""For two workers on two cores that the servers share."""
FAIR: Final = 1.25
"""The longest wait outside the flooding province, in times of what its turn takes; first come, first served gives 2."""
SMALL: Final = Film(sound=False)


@dataclass(frozen=True)
class Parcel:
    """A package to be handed in: whose it is."""

    province: str
    studio: str
    number: int


def parcels() -> Iterator[Parcel]:
    """The flood first, then everybody else."""
    for number in range(FLOODING):
        yield Parcel(FLOOD, "flood", number)
    for number in range(EACH):
        for province in PROVINCES[1:]:
            yield Parcel(province, f"{province}-{number % 11}", number)


@dataclass
class Sender:
    """Hands packages in as their studios."""

    media: Media
    http: httpx.AsyncClient
    key: SigningKey
    video: Path
    folder: Path

    async def hand_in(self, parcel: Parcel) -> str:
        """The material a package became."""
        data = await asyncio.to_thread(self._packed, f"{parcel.studio:>12}-{parcel.number:04}")
        place = {"studio": parcel.studio, "province": parcel.province}
        entry = make(EntryOpened, entry=new_id(), campaign=self.media.campaign, **place)
        await self.media.tell(entry)
        name, sha256 = f"{STUDIO_NAME}-活动视频材料.zip", digest(data)
        wanted = {"entry": entry.entry, "slot": "video", "name": name, "size": len(data), "sha256": sha256}
        told = {"authorization": f"Bearer {self._token(place)}"}
        while (answer := await self.http.post("/v1/tickets", json=wanted, headers=told)).status_code == 409:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the entry has not been heard of yet: another process hears it
        ticket: dict[str, Any] = answer.raise_for_status().json()
        for part in ticket["parts"]:
            (await self.http.put(part["url"], content=data)).raise_for_status()
        answer = await self.http.post(f"/v1/tickets/{ticket['ticket']}/complete", headers=told)
        return str(answer.raise_for_status().json()["material"])

    def _packed(self, mark: str) -> bytes:
        target = pack(self.folder / f"{mark.strip()}.zip", {"片.mp4": distinct(self.video, mark)})
        data = target.read_bytes()
        target.unlink()
        return data

    def _token(self, place: Mapping[str, str]) -> str:
        its = {"iss": "zhumeng", "sub": "a", "role": "studio", "exp": datetime.now(UTC) + timedelta(hours=1)}
        return jwt.encode({**its, **place}, self.key.key, "EdDSA", {"kid": self.key.public["kid"]})


async def handed_in(sender: Sender) -> Mapping[str, Parcel]:
    """Everything handed in, by the material it became."""
    left, kept = parcels(), dict[str, Parcel]()

    async def work() -> None:
        for parcel in left:
            kept[await sender.hand_in(parcel)] = parcel

    await asyncio.gather(*(work() for _ in range(SENDERS)))
    return kept


@pytest.mark.timeout(1800)
async def test_media_load(media43: Media, issuer_key: Path, tmp_path: Path) -> None:  # noqa: F811 # the fixtures
    video, media43.log = SMALL.make(tmp_path), (tmp_path / "log").open("wb")
    await media43.start("media-api")
    await media43.start("media-worker")
    await media43.stop("media-worker")  # it has made the queue the uploads are told to
    url = f"http://127.0.0.1:{media43.ports['media-api']}"
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        began = time.perf_counter()
        sent = await handed_in(Sender(media43, http, SigningKey.read(issuer_key), video, tmp_path))
        took = time.perf_counter() - began
    print(json.dumps({"bench": "media.load.upload", "measured": round(PACKAGES / took, 1), "unit": "packages/s"}))
    await asyncio.gather(*(media43.start("media-worker") for _ in range(2)))
    client = connect(media43.surroundings["ZM_MONGO_URL"])
    database = client[f"{media43.surroundings['ZM_MONGO_PREFIX']}media"]

    async def melted() -> bool:
        return await database.jobs.count_documents({"state": "done"}) == PACKAGES

    await until(melted, 4 * MOST_S)
    verdicts = Counter([row["check"]["outcome"] async for row in database.materials.find({}, {"check.outcome": 1})])
    told = Counter([row["subject"] async for row in database.outbox.find({"topic": MediaValidated.topic})])
    jobs = await database.jobs.find().to_list()
    await client.close()
    report_limit("media.load.lost", PACKAGES - len(sent.keys() & {job["material"] for job in jobs}), 0, "packages")
    assert (verdicts, len(told), set(told.values())) == ({"pass": PACKAGES}, PACKAGES, {1})
    first = min(job["started_at"] for job in jobs)
    report_waits(sent, {job["material"]: (job["finished_at"] - first).total_seconds() for job in jobs})


def report_waits(sent: Mapping[str, Parcel], waits: Mapping[str, float]) -> None:
    """How long whom the queue let wait, by province, and the bounds: how long everything took, and the longest wait of
    those who do not flood, in times of what it takes to serve every province as often."""
    of = defaultdict[str, list[float]](list)
    for material, parcel in sent.items():
        of[parcel.province].append(waits[material])
    said = {province: [round(statistics.median(its), 1), round(max(its), 1)] for province, its in of.items()}
    print(json.dumps({"bench": "media.load.waits", "measured": said, "unit": "s by province, median and longest"}))
    turn = sorted(waits.values())[EACH * len(PROVINCES) - 1]
    longest = max(max(its) for province, its in of.items() if province != FLOOD)
    report_limit("media.load.fair", longest / turn, FAIR, "times its turn, the longest wait beside a flood")
    report_limit("media.load", max(waits.values()), MOST_S, f"s for {PACKAGES} packages")
