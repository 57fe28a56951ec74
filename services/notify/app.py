"""Puts notify together."""

import asyncio
from zoneinfo import ZoneInfo

from chassis.clock import Clock
from chassis.service import Service
from contracts.rulebook import load_all
from services.notify.actions import Notify, Post
from services.notify.api import api
from services.notify.handlers import handlers
from services.notify.mailer import Mailer
from services.notify.settings import Settings
from services.notify.store import NotifyStore
from services.notify.wording import Wording

LOOK_S = 0.5
AT_ONCE = 4
"""Mails under way at a time."""


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """Notify's one process. Any number of them may run."""
    service = Service("notify", settings, clock)
    store, wording = NotifyStore(service.database), Wording(settings.public_url, ZoneInfo(settings.time_zone))
    mailer = Mailer(settings.smtp_url, settings.mail_from, service.clock)
    notify = Notify(service.transactions, store, load_all(settings.rulebooks), wording, service.clock)
    post = Post(service.transactions, store, wording, mailer, service.clock, settings.digest_every)
    service.hears = handlers(notify)
    service.routers.append(api(notify))
    service.prepare.append(store.prepare)
    service.tasks += [lambda: _address(notify), lambda: _send(post), lambda: _send_digests(post)]
    return service


async def _address(notify: Notify) -> None:
    while True:
        if not await notify.address_waiting():
            await asyncio.sleep(LOOK_S)


async def _send(post: Post) -> None:
    while True:
        if await post.send_one():
            await asyncio.gather(*(post.send_one() for _ in range(AT_ONCE)))
        else:
            await asyncio.sleep(LOOK_S)


async def _send_digests(post: Post) -> None:
    while True:
        if not await post.send_digest():
            await asyncio.sleep(LOOK_S)
