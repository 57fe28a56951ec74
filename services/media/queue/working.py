"""Takes jobs in turn and sees each to an end: done, put off, held for a person, or given back when it has to stop."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from chassis import crash
from chassis.ending import stopping
from chassis.hearing import is_outage
from chassis.ids import new_id
from chassis.logs import log
from chassis.refusal import Refused
from services.media import metrics
from services.media.queue import rules
from services.media.queue.models import Job, Task
from services.media.queue.store import QueueStore

IDLE_S: Final = (0.1, 0.3)
"""An idle worker looks again after a while between these, so that many do not look at once."""
TEND_S: Final = 1.0


@dataclass
class Reading:
    """How far a job's bytes were read; written by whoever reads them, shown to whoever waits."""

    total: int = 0
    done: int = 0

    @property
    def percent(self) -> int | None:
        return min(100, self.done * 100 // self.total) if self.total else None


Do = Callable[[Job, Reading], Awaitable[None]]
"""Does a job; its transaction also finishes it. Safe to begin again, and to be done by two workers at once."""


class Floor:
    """Where jobs of one process run side by side, or one of them alone."""

    def __init__(self) -> None:
        self._running = 0
        self._taken = False
        self._changed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place beside others; nobody gets one while somebody is alone."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._taken)
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            await self._tell()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For one who has a place: wait until the others have left, and keep them out."""
        self._taken = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._running == 1)
            yield
        finally:
            self._taken = False
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class Worker:
    """Works the queue off; any number of processes may, each with some slots."""

    def __init__(
        self,
        store: QueueStore,
        tasks: Mapping[Task, Do],
        weights: rules.Weights,
        delays: tuple[float, ...],
        within: Mapping[Task, timedelta],
    ) -> None:
        self._store, self._tasks, self._weights = store, tasks, weights
        self._delays, self._within = delays, within
        self._floor = Floor()
        self._wake = asyncio.Event()
        self._process = new_id()
        self._long = 0
        """Jobs under way that are no checks, and may take minutes."""

    def wake(self) -> None:
        """Look for a job now: one was just queued here."""
        self._wake.set()

    async def run(self) -> None:
        """The slot for everything, suspects too."""
        await self._run(everything=True)

    async def run_beside(self) -> None:
        """One more slot, kept for checks: no verdict waits for a proof or a publication to end."""
        await self._run(everything=False)

    async def run_spare(self) -> None:
        """A slot for checks while another one is at something that takes long: as many go on as ever."""
        await self._run(everything=False, spare=True)

    async def tend(self) -> None:
        """Wake what was paused and free what dead workers left, for as long as the process lives."""
        while True:
            for job in await self._store.tend():
                self._held(job, str(job.reason))
            await self._show()
            await asyncio.sleep(TEND_S)

    async def _run(self, everything: bool, spare: bool = False) -> None:
        while True:
            if (spare and not self._long) or not await self.step(everything):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(random.uniform(*IDLE_S)):
                        await self._wake.wait()
                self._wake.clear()

    async def step(self, everything: bool = True) -> bool:
        """Take one job and see it to an end; False where there is none."""
        async with self._floor.place():
            job = await self._claim(everything)
            if job is None:
                return False
            crash.point("claimed")
            with structlog.contextvars.bound_contextvars(job=job.id, entry=job.entry):
                await self._see_to(job)
            return True

    async def _claim(self, everything: bool) -> Job | None:
        """The job whose turn it is; who is told to stop meanwhile still learns which that was, and gives it back."""
        claiming = asyncio.ensure_future(self._store.claim(f"{self._process}/{new_id()}", self._weights, everything))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if job := await claiming:
                await asyncio.shield(self._give_back(job))
            raise

    async def _see_to(self, job: Job) -> None:
        reading, began, takes_long = Reading(), time.monotonic(), job.task != "check"
        self._long += takes_long
        work = asyncio.ensure_future(self._attempt(job, reading))
        beat = asyncio.ensure_future(self._beat(job, reading, work))
        try:
            outcome = await work
        except asyncio.CancelledError:
            if not stopping():
                log().warning("job_lost", deaths=job.deaths)
                return
            await asyncio.shield(self._give_back(job))
            raise
        finally:
            self._long -= takes_long
            beat.cancel()
        metrics.ENDED.labels(job.task, outcome).inc()
        metrics.TOOK.labels(job.task).observe(time.monotonic() - began)
        if job.started_at and job.queued_at:
            metrics.WAITED.labels(job.task).observe((job.started_at - job.queued_at).total_seconds())

    async def _attempt(self, job: Job, reading: Reading) -> str:
        """Do a job to an outcome; raises only where the queue itself is away, and then its lease runs out."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                if job.suspect:
                    await stack.enter_async_context(self._floor.alone())
                await stack.enter_async_context(asyncio.timeout(self._within[job.task].total_seconds()))
                await self._tasks[job.task](job, reading)
        except Refused as error:
            return await self._hold(job, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a job raises may pass; tries are counted
            return await self._failed(job, error)
        return "done"

    async def _failed(self, job: Job, error: Exception) -> str:
        ours = is_outage(error) or (isinstance(error, OSError) and not isinstance(error, TimeoutError))
        log().warning("job_failed", tries=len(job.failures) + 1, error=repr(error)[:300], exc_info=not ours)
        if ours:  # a fault of the platform spends none of the job's tries
            soon = timedelta(seconds=self._delays[min(1, len(self._delays) - 1)])
            await self._store.put_off(job, soon, repr(error)[:300])
            return "paused"
        delay = rules.pause_after(len(job.failures) + 1, self._delays)
        if delay is None:
            return await self._hold(job, f"failed {len(job.failures) + 1} times, last: {error!r}"[:500])
        await self._store.pause(job, delay, f"{datetime.now(UTC).isoformat()} {error!r}"[:500])
        return "failed"

    async def _hold(self, job: Job, reason: str) -> str:
        await self._store.hold(job, reason)
        self._held(job, reason)
        return "held"

    def _held(self, job: Job, reason: str) -> None:
        log().error("job_held", job=job.id, material=job.material, deaths=job.deaths, reason=reason)

    async def _beat(self, job: Job, reading: Reading, work: "asyncio.Future[str]") -> None:
        """Keep the lease; where it was lost, somebody else is at it and this run ends."""
        while True:
            await asyncio.sleep(rules.BEAT.total_seconds())
            try:
                if not await self._store.renew(job, reading.percent) and not work.done():
                    work.cancel()
                    return
            except Exception as error:  # noqa: BLE001 - the database is away: the lease may outlast that
                log().warning("lease_not_renewed", job=job.id, error=repr(error)[:200])

    async def _give_back(self, job: Job) -> None:
        await self._store.give_back(job, self._weights)
        log().info("job_given_back", job=job.id)

    async def _show(self) -> None:
        overview = await self._store.overview()
        for task in self._tasks:
            its = rules.level_of(task)
            metrics.WAITING.labels(task).set(sum(n for lane, n in overview.waiting.items() if lane.level == its))
        for state, count in {"running": overview.running, "paused": overview.paused, "held": overview.held}.items():
            metrics.JOBS.labels(state).set(count)
        metrics.OLDEST.set(overview.oldest_s)
