"""P1, P8 and P14 of a second look at a long film, whose worker is killed, or asked to stop, in the middle of decoding.
Another worker decodes it all over, nothing is charged that should not be, and nothing is left behind."""

import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chassis.objects import ObjectStore
from contracts.events.media import MediaValidated
from services.media.inspect.tools import find
from services.media.queue.rules import BEAT, LEASE
from tests.chaos.lane import Lane, until
from tests.chaos.night import Kind, Night
from tests.data.make_packages import Film, distinct, pack

FILM = Film(2560, 1440, seconds=300, rate=60)
"""Keeps a decoder busy for some 20 s: longer than a lease lasts, and far longer than a stop may take."""
AMID_S = 1.5
"""Seconds of CPU after which a decoder is in the middle of it."""
STOPS_S = 5.0
"""A worker that is asked to stop ends within this; it is given 70 (`stop_grace_period`)."""
SOON_S = 5.0
"""A job that is anybody's is taken within this, on a machine that is busy with other things."""
FREED_S = (LEASE + BEAT).total_seconds() + SOON_S
"""The same of a job whose worker was killed: its lease has to run out first."""
ENDS_S = 240.0
"""How long decoding all of it may take on such a machine."""
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Kind]:
    """A film that passes at first sight, and is decoded only then."""
    folder = tmp_path_factory.mktemp("kinds")
    film = pack(folder / "film.zip", {"活动视频.mp4": distinct(FILM.make(folder), "film")})
    return {"film": Kind(film.read_bytes(), stages=("first", "second"))}


class Tool(NamedTuple):
    """A process that a worker started, which may be over."""

    folder: Path

    @property
    def pid(self) -> int:
        return int(self.folder.name)

    @property
    def alive(self) -> bool:
        return self._stat()[0] not in "ZX"

    @property
    def cpu_s(self) -> float:
        """Seconds of CPU it has used."""
        _, *numbers = self._stat()
        return sum(map(int, numbers[10:12])) / TICKS

    @property
    def is_decoder(self) -> bool:
        with suppress(OSError):
            return (self.folder / "cmdline").read_text().startswith(find("ffmpeg"))
        return False

    def _stat(self) -> list[str]:
        with suppress(OSError):
            return (self.folder / "stat").read_text().rpartition(")")[2].split()
        return ["X", *["0"] * 12]


class Deed(NamedTuple):
    """A worker in the middle of decoding, its decoder, and the job as it is then."""

    worker: Lane
    decoder: Tool
    job: dict[str, Any]

    async def over(self) -> bool:
        """Whether nothing of the decoder is left."""
        return not self.decoder.alive

    def named_files(self) -> list[str]:
        """Temporary files that would still be there after a kill: those that have a name while they are open."""
        folder, found = Path(f"/proc/{self.worker.alive.pid}/fd"), list[str]()
        for each in [*folder.iterdir(), *(self.decoder.folder / "fd").iterdir()]:
            with suppress(OSError):  # closed meanwhile
                found.append(os.readlink(each))
        temporary = [name for name in found if name.startswith(f"{tempfile.gettempdir()}/")]
        return [name for name in temporary if not name.endswith((" (deleted)", ".log"))]


async def amid_decode(night: Night) -> Deed:
    """Wait until a worker is in the middle of decoding."""
    found: list[tuple[Lane, Tool]] = []

    async def seen() -> bool:
        found[:] = [(lane, tool) for lane in night.workers for tool in tools_of(lane.alive.pid)]
        found[:] = [(lane, tool) for lane, tool in found if tool.is_decoder and tool.cpu_s > AMID_S]
        return bool(found)

    assert await until(seen, ENDS_S), f"nobody decodes: {[each.last_words() for each in night.workers]}"
    assert len(found) == 1, "a film is decoded by two at once"
    return Deed(*found[0], await second_look(night))


def tools_of(pid: int) -> list[Tool]:
    """What a process started and still has."""
    with suppress(OSError):
        children = [each.read_text().split() for each in Path(f"/proc/{pid}/task").glob("*/children")]
        return [Tool(Path(f"/proc/{child}")) for some in children for child in some]
    return []


async def second_look(night: Night) -> dict[str, Any]:
    """Its job."""
    found = await night.api.service.database.jobs.find_one({"task": "prove"})
    assert found is not None
    return found


async def verdict(night: Night) -> dict[str, Any]:
    """What is known of the film so far."""
    found = await night.api.service.database.materials.find_one()
    assert found is not None
    check: dict[str, Any] = found["check"]
    return check


async def taken_up(night: Night, before: Deed, within_s: float) -> bool:
    """Whether another worker began in time with what this one had."""
    mine = before.job["worker"].partition("/")[0]

    async def seen() -> bool:
        now = await second_look(night)
        return now["state"] == "running" and not now["worker"].startswith(mine)

    return await until(seen, within_s)


async def told_twice(night: Night) -> list[str]:
    """Verdicts that are not in the log exactly once."""
    rows = await night.api.service.records.outbox.find({"topic": MediaValidated.topic}).to_list()
    return [row["_id"] for row in rows if night.api.log[row["_id"]] != 1]


async def charged(night: Night) -> dict[str, Any]:
    """What the job, and its province, are charged with by now."""
    job = await second_look(night)
    lane = await night.api.service.database.lanes.find_one({"_id": f"{job['level']}/{job['province']}"})
    return {"deaths": job["deaths"], "failures": job["failures"], "served": (lane or {}).get("clock")}


async def ends_well(night: Night, objects: ObjectStore) -> None:
    """The film is decoded to its end, by one worker that kept its lease, and told of once."""
    assert await until(night.over, ENDS_S), f"it is never done: {[each.last_words() for each in night.workers]}"
    assert await night.reckoning(objects) == []
    assert await told_twice(night) == []
    job = await second_look(night)
    assert job["finished_at"] - job["started_at"] > LEASE, "it did not decode all of it, or the film is too short"


@pytest.mark.timeout(600)
async def test_second_look_whose_worker_is_killed_amid_its_decode_is_done_by_another(
    night: Night, objects: ObjectStore
) -> None:
    await night.hand_in("film")
    first = await amid_decode(night)
    told = await verdict(night)
    assert (told["stage"], told["outcome"], first.named_files()) == ("first", "pass", [])
    os.kill(first.decoder.pid, signal.SIGSTOP)  # so that it does not notice that nobody reads what it says
    await kill(first)
    assert await taken_up(night, first, FREED_S), "its lease never ran out"
    second = await amid_decode(night)
    await kill(second)
    await first.worker.start()
    assert await taken_up(night, second, FREED_S), "its lease never ran out"
    assert await verdict(night) == told
    await second.worker.start()
    await ends_well(night, objects)
    charges = await charged(night)
    assert (charges["deaths"], charges["failures"]) == (2, [])


@pytest.mark.timeout(600)
async def test_worker_asked_to_stop_amid_a_decode_ends_within_seconds_and_another_decodes_at_no_charge(
    night: Night, objects: ObjectStore
) -> None:
    await night.hand_in("film")
    first = await amid_decode(night)
    told = await verdict(night)
    assert told["stage"] == "first"
    before = await charged(night)
    await stop(first)
    assert await taken_up(night, first, SOON_S), "it was not given back"
    second = await amid_decode(night)
    await stop(second)
    assert (await second_look(night))["state"] == "waiting"
    await first.worker.start()
    assert await taken_up(night, second, SOON_S), "it was not given back"
    assert await verdict(night) == told
    await second.worker.start()
    await ends_well(night, objects)
    assert await charged(night) == before


async def kill(deed: Deed) -> None:
    """`kill -9` of the worker, which its decoder does not outlive."""
    deed.worker.alive.kill()
    assert await until(deed.over, SOON_S), "the decoder outlived its worker"


async def stop(deed: Deed) -> None:
    """Ask the worker to stop; it says that it has, in time, and leaves no decoder."""
    deed.worker.alive.ask_to_stop()
    assert await deed.worker.alive.death(STOPS_S) is not None, "it waits for the film to end"
    assert await deed.over(), "the decoder outlived its worker"
    assert '"stopped"' in deed.worker.last_words()
