"""A piece of work on one material, the lanes such work waits in, and what is known of all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from contracts.ids import EntryId, MaterialId, Province, StudioId

Task = Literal["check", "prove", "publish"]
"""`check` gives the first verdict, `prove` reads every byte after it, `publish` makes ready what is shown."""
JobState = Literal["waiting", "running", "paused", "held", "done"]
"""`paused`: comes back by itself after a while; `held`: gave up and waits for a person."""
OPEN: tuple[JobState, ...] = ("waiting", "running", "paused")
"""What goes on without anybody's doing."""
SUSPECTED: Final = 2
"""From so many dead workers on a job may be what kills them. The first may have been shut down, out of memory, or
ended by a neighbour."""


class Lane(NamedTuple):
    """Work of one kind from one province. A lower level goes first, whatever waits behind it."""

    level: int
    province: Province


class Job(BaseModel):
    """One task on one material. There is at most one of each, so that telling of an upload twice queues it once."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    task: Task
    material: MaterialId
    entry: EntryId
    studio: StudioId
    province: Province
    level: int
    again: bool = False
    """Whether its slot has had a verdict before: of equal turns a first check goes first."""
    turn: int = 0
    """Its place among the studios of its lane: each of a studio's jobs waits for one of every other studio."""
    state: JobState = "waiting"
    worker: str | None = None
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    percent: int | None = None
    """How much of its bytes were read, while it runs."""
    deaths: int = 0
    """How often its worker was gone before it was done."""
    failures: tuple[str, ...] = ()
    """What went wrong in each earlier try, oldest first; faults of the platform are not counted."""
    reason: str | None = None
    """Why it is held, or was put off."""
    put_off_since: datetime | None = None
    """When a fault of the platform kept it from being done for the first time."""

    @property
    def lane(self) -> Lane:
        return Lane(self.level, self.province)

    @property
    def suspect(self) -> bool:
        """Whether it may be what ended its workers; such a job runs with nothing beside it."""
        return self.deaths >= SUSPECTED


@dataclass(frozen=True)
class Overview:
    """The whole queue at a moment."""

    waiting: Mapping[Lane, int] = field(default_factory=dict)
    clocks: Mapping[Lane, float] = field(default_factory=dict)
    """How much each lane was served, in jobs of weight one; a lane idle for long starts where the others are."""
    running: int = 0
    at_work: Mapping[int, int] = field(default_factory=dict)
    """How many of these there are of each level."""
    paused: int = 0
    held: int = 0
    oldest_s: float = 0.0
    """How long the job that was queued first has been waiting."""
    took_s: Mapping[int, float] = field(default_factory=dict)
    """Seconds the latest jobs of each level took, on average; of a level of which there was none, nothing."""


@dataclass(frozen=True)
class Standing:
    """Where a job stands, for those who wait for it."""

    job: Job
    place: int | None = None
    """How many go before it, itself included; only while it waits."""
    expected_s: int | None = None
    """Seconds until it will probably begin."""
