"""Shows material: where it stands, what was found in it, and its bytes."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from chassis.identity import Caller
from chassis.logs import log
from contracts.ids import MaterialId
from services.media.materials import rules
from services.media.materials.models import Material
from services.media.materials.store import MaterialStore
from services.media.objects import Packages
from services.media.queue.models import Overview, Standing
from services.media.queue.rules import Weights, standing
from services.media.queue.store import QueueStore

FRESH_S: Final = 1.0
"""How old an overview of the queue may be: however many wait for theirs, it is made once a second."""


@dataclass
class Materials:
    """What came in whole."""

    store: MaterialStore
    queue: QueueStore
    packages: Packages
    weights: Weights
    link_lasts: timedelta
    _overview: Overview = field(default_factory=Overview)
    _seen: float = float("-inf")

    async def show(self, caller: Caller, material: MaterialId) -> Material:
        """One material the caller may see."""
        found = await self.store.get(material, rules.sight_of(caller.studio, caller.province, caller.role))
        if found is None:
            raise rules.material_not_found()
        return found

    async def standing(self, material: Material) -> Standing | None:
        """Where the check of material stands: in the queue, under way, or held; None where nothing is to be done."""
        jobs = await self.queue.of_material(material.id)
        job = next((jobs[task] for task in ("check", "prove") if task in jobs and jobs[task].state != "done"), None)
        if job is None or material.superseded_by is not None:
            return None
        before = await self.queue.before(job) if job.state == "waiting" else 0
        return standing(job, before, await self._look(), self.weights)

    async def _look(self) -> Overview:
        if time.monotonic() > self._seen + FRESH_S:
            self._overview, self._seen = await self.queue.overview(), time.monotonic()
        return self._overview

    async def link(self, caller: Caller, material: MaterialId) -> str:
        """A short-lived address the very bytes that were received can be read at."""
        found = await self.show(caller, material)
        url = await self.packages.link(found.object, self.link_lasts, found.name)
        log().info("material_linked", material=material, account=caller.account)
        return url
