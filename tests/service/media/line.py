"""The workers' queue on a real MongoDB, with nothing else of the service around it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chassis.service import Service
from chassis.transaction import Transaction
from contracts.ids import EntryId, MaterialId, Province, StudioId
from services.media.queue import rules
from services.media.queue.models import Job, Task
from services.media.queue.store import QueueStore
from services.media.queue.working import Reading, Worker

GANSU, SICHUAN = "620000", "510000"
PROVINCES = tuple(f"{code}0000" for code in range(11, 21))
NOBODY: rules.Weights = {}
WITHIN: dict[Task, timedelta] = {"check": timedelta(seconds=30), "prove": timedelta(seconds=30)}


@dataclass
class Line:
    """A queue with nothing else of the service around it."""

    service: Service
    store: QueueStore
    done: list[str] = field(default_factory=list)

    async def add(
        self, name: str, province: Province = GANSU, studio: str = "s-1", task: Task = "check", again: bool = False
    ) -> None:
        job = Job(
            id=name, task=task, material=MaterialId(name), entry=EntryId("e"), studio=StudioId(studio),
            province=province, level=rules.level_of(task), again=again,
        )  # fmt: skip
        await self.service.transactions.run(lambda tx: self.store.add(tx, job))

    async def finish(self, job: Job) -> None:
        async def work(tx: Transaction) -> None:
            await self.store.finish(tx, job)

        await self.service.transactions.run(work)
        self.done.append(job.id)

    async def order(self, weights: rules.Weights = NOBODY) -> list[str]:
        """The jobs as one worker takes them."""
        taken = []
        while job := await self.store.claim("w", weights, everything=True):
            taken.append(job.id)
        return taken

    def worker(self, do: Callable[[Job, Reading], Awaitable[None]] | None = None) -> Worker:
        async def work(job: Job, _: Reading) -> None:
            if do:
                await do(job, _)
            await self.finish(job)

        return Worker(self.store, {"check": work, "prove": work}, NOBODY, (0.01, 0.02), WITHIN)

    async def work_off(self, worker: Worker) -> None:
        while await self.service.database.jobs.find_one({"state": {"$in": ["waiting", "running", "paused"]}}):
            await self.store.tend()
            await worker.step()

    async def job(self, name: str) -> Job:
        return (await self.store.of_material(MaterialId(name))).popitem()[1]

    async def die(self, name: str) -> None:
        """What is there a while after the worker that runs a job was killed."""
        past = datetime.fromtimestamp(0, UTC)
        await self.service.database.jobs.update_one({"_id": name, "state": "running"}, {"$set": {"until": past}})
