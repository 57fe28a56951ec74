"""Queues what is to be done for material next, whoever notices that it is."""

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.transaction import Transaction
from contracts.ids import MaterialId
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

    async def put_back(self, tx: Transaction, materials: Sequence[MaterialId]) -> None:
        """Bring into force again what newer material took the place of though its entry was submitted with it."""
        for material in await self.store.put_back(tx, materials):
            await self.add(tx, material)

    async def show(self, tx: Transaction, materials: Sequence[MaterialId]) -> None:
        """Note that an entry was approved with these, and queue what makes them ready."""
        for material in await self.store.approve(tx, materials):
            await self.add(tx, material)
