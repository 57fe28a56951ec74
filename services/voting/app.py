"""Puts voting's two processes together: the API takes ballots in, the tally counts votes."""

import asyncio

from chassis.clock import Clock
from chassis.rabbitstream import RabbitStream
from chassis.service import Service
from chassis.streams import Stream
from contracts.rulebook import load_all
from services.voting import books
from services.voting.actions import Tallying, Voting
from services.voting.api import api, lane
from services.voting.books import Book
from services.voting.box import BallotBox
from services.voting.handlers import handlers
from services.voting.models import Channels
from services.voting.settings import Settings
from services.voting.store import Shelf, VotingStore

VOTES = "zhumeng.votes"
LOOK_S = 1.0


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """The process frontends call and publish to. Any number of them may run."""
    service = _service(settings, clock, "voting-api")
    store, shelf, rulebooks = VotingStore(service.database), Shelf(service.database), load_all(settings.rulebooks)
    channels = Channels(settings.voter_key.get_secret_value().encode(), settings.channels)
    book = Book(shelf, lambda: _stream(service))
    box = BallotBox(store, rulebooks, channels.named, book)
    voting = Voting(service.transactions, store, rulebooks, service.clock, channels, box)
    service.hears = handlers(voting)
    service.lanes.append(lane(voting))
    service.routers.append(api(voting, _tallying(service, settings)))
    service.prepare.append(store.prepare)
    service.tasks.append(book.keep_open)
    service.rounds += [book.brought_on, lambda: books.settle_owed(shelf, _stream(service))]
    service.closing.append(book.close)
    return service


def build_tally(settings: Settings, clock: Clock | None = None) -> Service:
    """The process that counts what is in the stream, and closes the tally."""
    service = _service(settings, clock, "voting-tally")
    tallying = _tallying(service, settings)
    service.prepare.append(tallying.store.prepare)
    service.rounds.append(tallying.count)
    service.tasks.append(lambda: _close_ended(tallying))
    return service


def _service(settings: Settings, clock: Clock | None, process: str) -> Service:
    service = Service("voting", settings, clock, process=process)
    service.stream = RabbitStream(settings.stream_url, VOTES)
    return service


def _tallying(service: Service, settings: Settings) -> Tallying:
    store, rulebooks = VotingStore(service.database), load_all(settings.rulebooks)
    return Tallying(service.transactions, store, rulebooks, service.clock, lambda: _stream(service))


def _stream(service: Service) -> Stream:
    assert service.stream is not None
    return service.stream


async def _close_ended(tallying: Tallying) -> None:
    while True:
        await tallying.close_ended()
        await asyncio.sleep(LOOK_S)
