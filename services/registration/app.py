"""Puts the registration service together."""

import asyncio

from chassis.clock import Clock, SystemClock
from chassis.identity import Verifier
from chassis.objects import ObjectStore
from chassis.service import Service
from chassis.signing import SigningKey
from contracts.rulebook import load_all
from services.registration.accounts.actions import Accounts
from services.registration.accounts.api import api as accounts_api
from services.registration.accounts.passwords import Passwords
from services.registration.accounts.store import AccountStore
from services.registration.accounts.tokens import Signer
from services.registration.certification.actions import Certification
from services.registration.certification.api import api as certification_api
from services.registration.certification.objects import Scans
from services.registration.certification.rules import form_of
from services.registration.certification.store import StudioStore
from services.registration.entries.actions import Entries
from services.registration.entries.api import api as entries_api
from services.registration.entries.store import EntryStore
from services.registration.handlers import handlers
from services.registration.settings import Settings


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """The registration process: accounts and tokens, the certification of studios, entries."""
    service = Service("registration", settings, clock)
    rulebooks = load_all(settings.rulebooks)
    signer = Signer(SigningKey.read(settings.signing_key_file), settings.issuer)
    stores = AccountStore(service.database), StudioStore(service.database), EntryStore(service.database)
    account_store, studios, entry_store = stores
    accounts = Accounts(service.transactions, account_store, Passwords(), signer, service.clock, SystemClock())
    form, scans = form_of(rulebooks.values()), Scans(_objects(settings))
    certification = Certification(service.transactions, studios, account_store, form, scans, service.clock)
    entries = Entries(service.transactions, entry_store, studios, rulebooks, service.clock)
    service.verifier = Verifier(signer.key, settings.issuer)
    service.hears = handlers(certification, entries)
    service.routers += [accounts_api(accounts, signer.key), certification_api(certification), entries_api(entries)]
    service.prepare += [store.prepare for store in stores]
    service.prepare.append(lambda: accounts.open_first_admin(settings.admin_email, settings.admin_password))
    service.tasks.append(lambda: _give_up_overdue(entries, settings.sweep_s))
    return service


def _objects(settings: Settings) -> ObjectStore:
    return ObjectStore(
        settings.s3_endpoint,
        settings.s3_public_endpoint,
        settings.s3_access_key,
        settings.s3_secret_key,
        settings.s3_bucket,
    )


async def _give_up_overdue(entries: Entries, every_s: float) -> None:
    while True:
        await entries.give_up_overdue()
        await asyncio.sleep(every_s)
