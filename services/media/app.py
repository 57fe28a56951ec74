"""Builds the two media processes: the API that takes uploads in, and the worker that checks them."""

from chassis.clock import Clock
from chassis.objects import ObjectStore
from chassis.service import Service
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


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """Takes tickets, completes uploads, shows material, and sweeps up after both."""
    service = Service("media", settings, clock, process="media-api")
    rulebooks, receipts = load_all(settings.rulebooks), Receipts.of(settings.signing_key_file)
    store, kept, packages = IntakeStore(service.database), MaterialStore(service.database), _packages(settings)
    telling, time = service.transactions, service.clock
    tickets = Tickets(telling, store, packages, receipts, rulebooks, time, settings.upload_url_lasts)
    completion = Completion(telling, store, kept, packages, time)
    entries = Entries(telling, store, kept)
    sweep = Sweep(telling, store, kept, packages, completion, time, settings.sweep_every)
    materials = Materials(telling, kept, packages, rulebooks, time, settings.link_lasts)
    service.hears = intake_handlers.handlers(entries)
    service.routers += [intake_api.api(tickets, completion, entries, receipts)]
    service.routers += [materials_api.api(materials, settings.link_lasts)]
    service.prepare += [store.prepare, kept.prepare, packages.prepare]
    service.tasks += [sweep.run, sweep.run_orphans]
    return service


def build_worker(settings: Settings, clock: Clock | None = None) -> Service:
    """Checks what came in; as many as deadline night needs."""
    service = Service("media", settings, clock, process="media-worker")
    kept, packages = MaterialStore(service.database), _packages(settings)
    rulebooks = load_all(settings.rulebooks)
    materials = Materials(service.transactions, kept, packages, rulebooks, service.clock, settings.link_lasts)
    service.hears = materials_handlers.handlers(materials, settings.check_within)
    service.prepare += [kept.prepare, packages.prepare]
    service.checks["object store"] = packages.answers
    return service


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
