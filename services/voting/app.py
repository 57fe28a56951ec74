"""Puts voting's two processes together: the API takes ballots in, the tally counts votes."""

import asyncio

from chassis.clock import Clock
from chassis.service import Service
from contracts.events.voting import VoteCast
from contracts.rulebook import load_all
from services.voting.actions import Tallying, Voting
from services.voting.api import api
from services.voting.handlers import handlers, tally_handlers
from services.voting.models import Channels
from services.voting.settings import Settings
from services.voting.store import VotingStore

STREAMS = {"zhumeng.votes": VoteCast.topic}
LOOK_S = 1.0


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """The process frontends call and publish to. Any number of them may run."""
    service = Service("voting", settings, clock, process="voting-api")
    store, rulebooks = VotingStore(service.database), load_all(settings.rulebooks)
    channels = Channels(settings.voter_key.get_secret_value().encode(), settings.channels)
    voting = Voting(service.transactions, store, rulebooks, service.clock, channels)
    tallying = Tallying(service.transactions, store, rulebooks, service.clock)
    service.hears = handlers(voting)
    service.routers.append(api(voting, tallying))
    service.prepare.append(store.prepare)
    service.streams = STREAMS
    return service


def build_tally(settings: Settings, clock: Clock | None = None) -> Service:
    """The process that counts what was told, and closes the tally."""
    service = Service("voting", settings, clock, process="voting-tally")
    store = VotingStore(service.database)
    tallying = Tallying(service.transactions, store, load_all(settings.rulebooks), service.clock)
    service.hears = tally_handlers(tallying)
    service.prepare.append(store.prepare)
    service.tasks.append(lambda: _close_ended(tallying))
    service.streams = STREAMS
    return service


async def _close_ended(tallying: Tallying) -> None:
    while True:
        await tallying.close_ended()
        await asyncio.sleep(LOOK_S)
