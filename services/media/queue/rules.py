"""Who is next: start-time fair queuing over provinces, and within a province over studios. Pure.

Each province has a clock that goes on by 1/weight for each job it was served; the one whose clock is furthest back
is next. Whoever had nothing waiting does not save up: its clock begins where the others are. A flood therefore waits
behind itself (Goyal, Vin, Cheng: Start-time Fair Queueing, SIGCOMM 1996).
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from contracts.ids import Province
from services.media.queue.models import Job, Lane, Overview, Standing, Task

LEVELS: Final = range(3)
CHECK, PROVE, PUBLISH = LEVELS
"""Levels: a verdict goes before a proof, a proof before what is shown."""
LEASE: Final = timedelta(seconds=8)
"""A job whose worker has not been heard of for this long is anybody's again."""
BEAT: Final = timedelta(seconds=1)
"""How often a worker says that it is alive."""
DEATHS_ALLOWED: Final = 4
"""A job whose workers were gone this often is held for a person instead of begun again."""

Weights = Mapping[Province, float]


def level_of(task: Task) -> int:
    """How important a task is."""
    match task:
        case "check":
            return CHECK
        case "prove":
            return PROVE
        case "publish":
            return PUBLISH


def turn_of(served: int, last_of_studio: int | None) -> int:
    """A new job's turn: behind all its studio has waiting, and never before what its lane has come to."""
    return served if last_of_studio is None else max(served, last_of_studio + 1)


def start(lane: Lane, overview: Overview) -> float:
    """The clock of a lane, moved on to where its level is if it had nothing waiting for a while."""
    return max(overview.clocks.get(lane, 0.0), now_of(lane.level, overview))


def now_of(level: int, overview: Overview) -> float:
    """Where a level's clocks are: the start of the job it served last, kept under no province."""
    return overview.clocks.get(Lane(level, ""), 0.0)


def step(lane: Lane, weights: Weights) -> float:
    """How far a lane's clock goes on for one job."""
    return 1.0 / weights.get(lane.province, 1.0)


def in_turn(lanes: Iterable[Lane], overview: Overview, tossed: Mapping[Lane, float]) -> list[Lane]:
    """The lanes of a level, whose turn it is first; of equals, as the toss has it, so that workers spread."""
    return sorted(lanes, key=lambda lane: (start(lane, overview), tossed.get(lane, 0.0)))


def place(lane: Lane, before: int, overview: Overview, weights: Weights) -> int:
    """How many jobs go before one that has `before` others before it in its lane, itself included."""
    begins = start(lane, overview) + before * step(lane, weights)
    ahead = sum(count for other, count in overview.waiting.items() if other.level < lane.level)
    for other, count in overview.waiting.items():
        if other.level == lane.level and other.province != lane.province:
            served = math.ceil((begins - start(other, overview)) / step(other, weights) - 1e-9)
            ahead += min(count, max(0, served))
    return ahead + before + 1


def wait_s(job: Job, its: int, overview: Overview) -> int | None:
    """Seconds until a job at its place will probably begin: by how long the latest jobs of each level took, and how
    many of it are done at a time. None where a level is still to be done of which none ever was."""
    ahead = Counter[int]()
    for lane, count in overview.waiting.items():
        ahead[lane.level] += count if lane.level < job.level else 0
    ahead[job.level] = its - 1 - ahead.total()
    if any(count and level not in overview.took_s for level, count in ahead.items()):
        return None
    at_once = {level: max(1, overview.at_work.get(level, 0)) for level in ahead}
    return math.ceil(sum(count * overview.took_s[level] / at_once[level] for level, count in ahead.items() if count))


def standing(job: Job, before: int, overview: Overview, weights: Weights) -> Standing:
    """Where a job stands: its place and when it will probably begin, by how long the latest jobs took."""
    if job.state != "waiting":
        return Standing(job)
    its = place(job.lane, before, overview, weights)
    return Standing(job, its, wait_s(job, its, overview))


def pause_after(tries: int, delays: tuple[float, ...]) -> timedelta | None:
    """How long a job that failed for the n-th time waits; None where its tries have run out."""
    return timedelta(seconds=delays[tries - 1]) if tries <= len(delays) else None
