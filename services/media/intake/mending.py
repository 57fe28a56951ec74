"""Finds what was accepted and does not go on, brings on what can be brought on, and counts the rest for ops."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from chassis.clock import Clock
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.ids import MaterialId
from services.media import metrics
from services.media.intake.completion import Completion
from services.media.intake.store import IntakeStore
from services.media.materials.models import Material
from services.media.materials.queueing import Queueing
from services.media.materials.rules import next_task
from services.media.materials.store import MaterialStore
from services.media.queue.models import Task
from services.media.queue.store import QueueStore

Kind = Literal["completing", "unqueued", "held", "put_off", "unattended"]
"""`completing`: all was sent, and it is no material yet; `unqueued`: material nobody is going to look at; `held`: a job
that waits for a person; `put_off`: one that a fault of the platform keeps coming back; `unattended`: one that waits
while no worker takes any."""


@dataclass(frozen=True)
class Stuck:
    """Something accepted that nothing goes on with. `id` is of a ticket, of material, or of a job."""

    kind: Kind
    id: str
    since: datetime | None
    reason: str


@dataclass(frozen=True)
class Mending:
    """Holds store, records and queue against each other."""

    transactions: Transactions
    tickets: IntakeStore
    materials: MaterialStore
    queue: QueueStore
    queueing: Queueing
    completion: Completion
    clock: Clock
    every: timedelta
    patience: timedelta
    """What is not done by itself after this is stuck."""

    async def run(self) -> None:
        """Queue what was lost, and show what is stuck all the same, for as long as the process lives."""
        while True:
            for material, task in await self._unqueued():
                await self._queue(material.id)
                log().warning("job_was_missing", material=material.id, task=task)
            found = await self.stuck()
            for kind in get_args(Kind):
                metrics.STUCK.labels(kind).set(sum(each.kind == kind for each in found))
            await asyncio.sleep(self.every.total_seconds())

    async def stuck(self) -> Sequence[Stuck]:
        """Everything that is stuck now."""
        before = self.clock.now() - self.patience
        tickets = [
            Stuck("completing", ticket.id, ticket.completing_at, f"{ticket.name}, {ticket.size} B, not made material")
            for ticket in await self.tickets.completing_since(before)
        ]
        lost = [
            Stuck("unqueued", material.id, material.uploaded_at, f"{material.name}: no job to {task} it")
            for material, task in await self._unqueued()
        ]
        held = [Stuck("held", job.id, job.queued_at, job.reason or "") for job in await self.queue.held()]
        return [*tickets, *lost, *held, *await self._delayed()]

    async def _delayed(self) -> Sequence[Stuck]:
        """Jobs the platform is too slow with: each try ends in a fault of it, or there is nobody to try."""
        put_off = await self.queue.put_off_for(self.patience)
        unattended = await self.queue.unattended(self.patience)
        return [
            *(Stuck("put_off", job.id, job.put_off_since, job.reason or "") for job in put_off),
            *(Stuck("unattended", job.id, job.queued_at, "no media worker takes jobs") for job in unattended),
        ]

    async def heal(self, stuck: Stuck) -> str:
        """Bring one on; says what became of it."""
        match stuck.kind:
            case "completing":
                return await self._finish(stuck.id)
            case "unqueued":
                return f"queued to {await self._queue(MaterialId(stuck.id))}"
            case "held" | "put_off":
                return "put back" if await self.queue.release(stuck.id) else "not held any more"
            case "unattended":
                return "not done: start a media worker"

    async def _finish(self, ticket_id: str) -> str:
        for ticket in await self.tickets.completing_since(self.clock.now()):
            if ticket.id == ticket_id:
                try:
                    return f"material {(await self.completion.finish(ticket)).id}"
                except (Refused, ConnectionError) as error:
                    return f"not done: {error}"
        return "not completing any more"

    async def _unqueued(self) -> list[tuple[Material, Task]]:
        """Material that has been waiting for a job for too long, and the task of it."""
        waiting = await self.materials.unfinished(self.clock.now() - self.patience)
        tasks = [(material, task) for material in waiting if (task := next_task(material)) is not None]
        known = {
            task: await self.queue.known([material.id for material, its in tasks if its == task], task)
            for task in {task for _, task in tasks}
        }
        return [(material, task) for material, task in tasks if material.id not in known[task]]

    @transactional
    async def _queue(self, tx: Transaction, material_id: MaterialId) -> Task | None:
        material = await self.materials.to_change(tx, material_id)
        return await self.queueing.add(tx, material) if material else None
