"""Publishes the material of approved entries, and shows what was published."""

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import BinaryIO, Final

from chassis import crash
from chassis.clock import Clock
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.media import MaterialPublished, PublishedFile
from contracts.ids import EntryId, MaterialId, Sha256
from contracts.rulebook import Rulebooks
from services.media.inspect.models import Damaged
from services.media.materials import rules
from services.media.materials.models import Material
from services.media.materials.passes import Followed
from services.media.materials.store import MaterialStore
from services.media.objects import Packages
from services.media.publish.contents import NotTheSame, pieces
from services.media.publish.making import Made, made
from services.media.queue.models import Job
from services.media.queue.store import QueueStore
from services.media.queue.working import Reading

CHUNK: Final = 2**20


@dataclass(frozen=True)
class Publishing:
    """The worker's part. What is shown is made of the very bytes that were checked: they are read under their ETag."""

    transactions: Transactions
    store: MaterialStore
    queue: QueueStore
    packages: Packages
    rulebooks: Rulebooks
    clock: Clock

    async def publish(self, job: Job, reading: Reading) -> None:
        """Make each file ready and keep it under its hash; then say so. Begun again, it comes to the same."""
        material = await self.store.get(job.material)
        if material is None or not rules.to_publish(material):
            await self._keep(job, ())
            return
        try:
            files = await self._make(material, reading)
        except (Damaged, NotTheSame) as error:
            raise _not_presentable(str(error)) from error
        crash.point("stored")
        await self._keep(job, files)
        log().info("material_published", material=material.id, files=len(files))

    async def _make(self, material: Material, reading: Reading) -> Sequence[PublishedFile]:
        slot = rules.slot_of(material, self.rulebooks)
        source = Followed(self.packages.source(material.object, material.size), reading)
        async with aclosing(pieces(source, material.name, slot)) as found:
            return [await self._store(material.id, each) async for piece in found async for each in made(piece)]

    async def _store(self, material: MaterialId, file: Made) -> PublishedFile:
        digest, size = await asyncio.to_thread(_measured, file.file)
        kept = await self.packages.publish(material, digest, file.file, size, file.type)
        return PublishedFile(kind=file.kind, name=file.name, object=kept, type=file.type, size=size, sha256=digest)

    @transactional
    async def _keep(self, tx: Transaction, job: Job, files: Sequence[PublishedFile]) -> None:
        await self.queue.finish(tx, job)
        material = await self.store.to_change(tx, job.material)
        if material is None or not rules.to_publish(material) or material.check is None:
            return
        await self.store.keep_published(tx, material.id, files)
        tx.tell(_published(material, tuple(files), self.clock))
        hashes = [file.sha256 for file in files]
        tx.audit(f"material/{material.id}", "publish", etag=material.object.etag, files=hashes)


@dataclass(frozen=True)
class Shown:
    """The API's part."""

    store: MaterialStore
    packages: Packages
    link_lasts: timedelta

    async def of_entry(self, entry: EntryId) -> Sequence[tuple[Material, PublishedFile, str]]:
        """Everything published of an entry, with an address it can be read at for a while, by ranges too. What lies
        there and is not what was published is not shown."""
        shown = []
        for material in await self.store.published_of(entry):
            for file in material.published or ():
                if url := await self.packages.public_link(file.object, self.link_lasts):
                    shown.append((material, file, url))
                else:
                    log().error("published_changed", material=material.id, key=file.object.key)
        return shown


def _measured(file: BinaryIO) -> tuple[Sha256, int]:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest(), file.tell()


def _published(material: Material, files: tuple[PublishedFile, ...], clock: Clock) -> MaterialPublished:
    assert material.check is not None
    return MaterialPublished(
        at=clock.now(),
        entry=material.entry,
        material=material.id,
        studio=material.studio,
        campaign=material.campaign,
        slot=material.slot,
        sha256=material.check.sha256,
        files=files,
    )


def _not_presentable(why: str) -> Refused:
    zh, en = f"材料无法转换为可展示的文件（{why}）。", f"The material passed and cannot be made ready: {why}."
    return Refused(409, "not_presentable", zh, en)
