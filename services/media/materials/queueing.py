"""Queues what is to be done for material next, whoever notices that it is."""

from dataclasses import dataclass

from chassis.transaction import Transaction
from services.media.materials import rules
from services.media.materials.models import Material
from services.media.materials.store import MaterialStore
from services.media.queue.models import Task
from services.media.queue.store import QueueStore


@dataclass(frozen=True)
class Queueing:
    """From where material stands to the job that brings it on."""

    store: MaterialStore
    queue: QueueStore

    async def add(self, tx: Transaction, material: Material) -> Task | None:
        """Queue the next task of held material, if there is one; queued before, it stays as it is."""
        task = rules.next_task(material)
        if task is not None:
            again = task == "check" and await self.store.was_checked(tx, material.entry, material.slot)
            await self.queue.add(tx, rules.job_of(task, material, again))
        return task
