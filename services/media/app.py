"""Builds the two media processes: the API that takes uploads in, and the worker that checks them."""

from dataclasses import dataclass

from fastapi import APIRouter

from chassis.clock import Clock
from chassis.objects import ObjectStore
from chassis.service import PartAway, Service, Work
from chassis.signing import SigningKey
from contracts.rulebook import load_all
from services.media.intake import api as intake_api
from services.media.intake import handlers as intake_handlers
from services.media.intake.actions import Tickets
from services.media.intake.completion import Completion
from services.media.intake.entries import Entries
from services.media.intake.receipts import Receipts
from services.media.intake.store import IntakeStore
from services.media.intake.sweeping import Sweep
from services.media.materials import api as materials_api
from services.media.materials import handlers as materials_handlers
from services.media.materials.actions import Materials
from services.media.materials.store import MaterialStore
from services.media.objects import Packages
from services.media.settings import Settings


@dataclass(frozen=True)
class ApiParts:
    """What the API process consists of."""

    receipts: Receipts
    tickets: Tickets
    completion: Completion
    entries: Entries
    sweep: Sweep
    materials: Materials
    prepare: tuple[Work, ...]

    def routers(self, settings: Settings) -> list[APIRouter]:
        """The HTTP surface of media."""
        intake = intake_api.api(self.tickets, self.completion, self.entries, self.receipts)
        return [intake, materials_api.api(self.materials, settings.link_lasts)]


def assemble(service: Service, settings: Settings, packages: Packages | None = None) -> ApiParts:
    """Put the API's parts together on a service's database."""
    store, kept, packages = (
        IntakeStore(service.database),
        MaterialStore(service.database),
        packages or _packages(settings),
    )
    rulebooks, receipts = load_all(settings.rulebooks), Receipts(SigningKey.read(settings.signing_key_file))
    telling, clock = service.transactions, service.clock
    completion = Completion(telling, store, kept, packages, clock)
    return ApiParts(
        receipts,
        Tickets(telling, store, packages, receipts, rulebooks, clock, settings.upload_url_lasts),
        completion,
        Entries(telling, store, kept),
        Sweep(telling, store, kept, packages, completion, clock, settings.sweep_every),
        Materials(telling, kept, packages, rulebooks, clock, settings.link_lasts),
        (store.prepare, kept.prepare, _bucket_of(packages)),
    )


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """Takes tickets, completes uploads, shows material, and sweeps up after both."""
    service = Service("media", settings, clock, process="media-api")
    parts = assemble(service, settings)
    service.hears = intake_handlers.handlers(parts.entries)
    service.routers += parts.routers(settings)
    service.prepare += parts.prepare
    service.tasks += [parts.sweep.run, parts.sweep.run_orphans]
    return service


def build_worker(settings: Settings, clock: Clock | None = None) -> Service:
    """Checks what came in; as many as deadline night needs."""
    service = Service("media", settings, clock, process="media-worker")
    kept, packages = MaterialStore(service.database), _packages(settings)
    rulebooks = load_all(settings.rulebooks)
    materials = Materials(service.transactions, kept, packages, rulebooks, service.clock, settings.link_lasts)
    service.hears = materials_handlers.handlers(materials, settings.check_within)
    service.prepare += [kept.prepare, _bucket_of(packages)]
    service.checks["object store"] = packages.answers
    return service


def _bucket_of(packages: Packages) -> Work:
    """Make sure of the bucket; while the object store is away, it is what the process waits for."""

    async def prepare() -> None:
        try:
            await packages.prepare()
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
