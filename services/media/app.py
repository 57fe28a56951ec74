"""Builds the two media processes: the API that takes uploads in, and the worker that checks them."""

from dataclasses import dataclass

from fastapi import APIRouter

from chassis.clock import Clock
from chassis.logs import log
from chassis.objects import ObjectStore
from chassis.service import PartAway, Service, Work
from chassis.signing import SigningKey
from contracts.rulebook import Rulebooks, load_all
from services.media import api as campaigns_api
from services.media.inspect.child import lost_walls
from services.media.inspect.tools import check_tools
from services.media.intake import api as intake_api
from services.media.intake import handlers as intake_handlers
from services.media.intake.actions import Tickets
from services.media.intake.completion import Completion
from services.media.intake.entries import Entries
from services.media.intake.mending import Mending
from services.media.intake.receipts import Receipts
from services.media.intake.store import IntakeStore
from services.media.intake.sweeping import Sweep
from services.media.materials import api as materials_api
from services.media.materials import handlers as materials_handlers
from services.media.materials.actions import Materials
from services.media.materials.checking import Checking
from services.media.materials.passes import PASSES, Passes
from services.media.materials.queueing import Queueing
from services.media.materials.store import MaterialStore
from services.media.objects import Packages
from services.media.publish import api as publish_api
from services.media.publish import handlers as publish_handlers
from services.media.publish.actions import Publishing, Shown
from services.media.queue.models import Task
from services.media.queue.store import QueueStore
from services.media.queue.working import Do, Worker
from services.media.settings import Settings


@dataclass(frozen=True)
class ApiParts:
    """What the API process consists of."""

    rulebooks: Rulebooks
    receipts: Receipts
    tickets: Tickets
    completion: Completion
    entries: Entries
    sweep: Sweep
    mending: Mending
    materials: Materials
    shown: Shown
    prepare: tuple[Work, ...]

    def routers(self, settings: Settings) -> list[APIRouter]:
        """The HTTP surface of media."""
        intake = intake_api.api(self.tickets, self.completion, self.entries, self.receipts)
        shown = publish_api.api(self.shown, settings.link_lasts)
        materials = materials_api.api(self.materials, settings.link_lasts)
        return [campaigns_api.api(self.rulebooks), intake, materials, shown]


def assemble(service: Service, settings: Settings, packages: Packages | None = None) -> ApiParts:
    """Put the API's parts together on a service's database."""
    store, kept, queue = IntakeStore(service.database), MaterialStore(service.database), QueueStore(service.database)
    packages = packages or _packages(settings)
    rulebooks, receipts = load_all(settings.rulebooks), Receipts(SigningKey.read(settings.signing_key_file))
    telling, clock = service.transactions, service.clock
    completion = Completion(telling, store, kept, queue, packages, clock)
    return ApiParts(
        rulebooks,
        receipts,
        Tickets(telling, store, packages, receipts, rulebooks, clock, settings.upload_url_lasts),
        completion,
        Entries(telling, store, kept, Queueing(kept, queue)),
        Sweep(telling, store, kept, packages, completion, clock, settings.sweep_every),
        Mending(
            telling,
            store,
            kept,
            queue,
            Queueing(kept, queue),
            completion,
            clock,
            settings.sweep_every,
            settings.stuck_after,
        ),
        Materials(kept, queue, packages, settings.province_weights, settings.link_lasts),
        Shown(kept, packages, settings.link_lasts),
        (store.prepare, kept.prepare, queue.prepare, _bucket_of(packages, settings)),
    )


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """Takes tickets, completes uploads, shows material, and sweeps up after both."""
    service = Service("media", settings, clock, process="media-api")
    parts = assemble(service, settings)
    service.hears = intake_handlers.handlers(parts.entries)
    service.routers += parts.routers(settings)
    service.prepare += parts.prepare
    service.tasks += [parts.sweep.run, parts.sweep.run_orphans, parts.mending.run]
    return service


@dataclass(frozen=True)
class WorkerParts:
    """What the worker process consists of."""

    checking: Checking
    entries: Entries
    publishing: Publishing
    worker: Worker
    queue: QueueStore
    packages: Packages
    prepare: tuple[Work, ...]


def assemble_worker(service: Service, settings: Settings, passes: Passes = PASSES) -> WorkerParts:
    """Put the worker's parts together on a service's database."""
    store, kept, queue = IntakeStore(service.database), MaterialStore(service.database), QueueStore(service.database)
    packages, rulebooks = _packages(settings), load_all(settings.rulebooks)
    queueing, telling = Queueing(kept, queue), service.transactions
    checking = Checking(telling, kept, store, queue, queueing, packages, rulebooks, service.clock, passes)
    publishing = Publishing(telling, kept, queue, packages, rulebooks, service.clock)
    tasks: dict[Task, Do] = {"check": checking.check, "prove": checking.prove, "publish": publishing.publish}
    worker = Worker(queue, tasks, settings.province_weights, settings.retry_delays, settings.within)
    return WorkerParts(
        checking,
        Entries(telling, store, kept, queueing),
        publishing,
        worker,
        queue,
        packages,
        (store.prepare, kept.prepare, queue.prepare, _bucket_of(packages, settings)),
    )


def build_worker(settings: Settings, clock: Clock | None = None) -> Service:
    """Checks what came in; as many as deadline night needs."""
    service = Service("media", settings, clock, process="media-worker")
    parts = assemble_worker(service, settings)
    service.hears = materials_handlers.handlers(parts.checking, parts.worker.wake)
    publish_handlers.add(service.hears, parts.entries, parts.worker.wake)
    service.prepare += parts.prepare
    service.tasks += [parts.worker.tend, parts.worker.run, *[parts.worker.run_beside] * (settings.at_once - 1)]
    service.tasks += [parts.worker.run_spare]
    service.checks["object store"] = parts.packages.answers
    service.checks["tools"] = check_tools
    service.checks["jail"] = _jail()
    return service


def _jail() -> Work:
    """Whether children can be locked in, asked until it was so once; what the machine does not grant is logged."""
    shut = False

    async def check() -> None:
        nonlocal shut
        if not shut:
            lost = await lost_walls()
            shut = True
            if lost:
                log().warning("jail_is_weak", lost=lost)

    return check


def _bucket_of(packages: Packages, settings: Settings) -> Work:
    """Make sure of the bucket, and who may use it from a browser; while the object store is away, it is what the
    process waits for."""

    async def prepare() -> None:
        try:
            await packages.prepare()
            await packages.allow_browsers((settings.public_url, *settings.browser_origins))
        except ConnectionError as error:
            raise PartAway("object store", error) from error

    return prepare


def _packages(settings: Settings) -> Packages:
    return Packages(
        ObjectStore(
            settings.s3_endpoint,
            settings.s3_public_endpoint,
            settings.s3_access_key,
            settings.s3_secret_key,
            settings.s3_bucket,
        )
    )
