"""Puts voting's two processes together: the API takes ballots in and lets people decide on them, the tally counts
votes."""

import asyncio

from chassis.clock import Clock
from chassis.partitions import Partitions
from chassis.service import PartAway, Service
from chassis.signing import SigningKey
from chassis.streams import Partitioned
from contracts.rulebook import load_all
from services.voting.actions import Tallying, Voting
from services.voting.api import api, lane, look_of
from services.voting.box import BallotBox
from services.voting.gate import Gate
from services.voting.handlers import handlers
from services.voting.inquiries import api as inquiries_api
from services.voting.inquiries.actions import Inquiries
from services.voting.inquiries.store import InquiryStore
from services.voting.live import Live
from services.voting.models import Channels
from services.voting.rulings import api as rulings_api
from services.voting.rulings.actions import Rulings
from services.voting.rulings.store import RulingStore
from services.voting.settings import Settings
from services.voting.store import VotingStore
from services.voting.telling import books
from services.voting.telling.books import Book
from services.voting.telling.store import Shelf

VOTES = "zhumeng.votes"
WHATEVER = 0
"""Partitions, as many as there are: what the tally reads, so that no vote is left unread whatever it was told."""
LOOK_S = 1.0
TOGETHER_S = 0.2


def build_api(settings: Settings, clock: Clock | None = None) -> Service:
    """The process frontends call and publish to. Any number of them may run."""
    service = _service(settings, clock, "voting-api", settings.vote_partitions)
    voting, shelf = taking(service, settings), Shelf(service.database)
    book, live = voting.box.book, Live(look_of(voting), service.clock)
    service.hears = handlers(voting)
    service.lanes.append(lane(voting, Gate(voting.channels)))
    rulings = ruling(service, voting)
    inquiries = Inquiries(InquiryStore(service.database), rulings.store, voting.rulebooks, voting.channels)
    service.routers += [api(voting, live), rulings_api.api(rulings), inquiries_api.api(inquiries)]
    service.prepare += [voting.store.prepare, rulings.store.prepare]
    service.tasks.append(book.keep_open)
    service.rounds += [book.brought_on, lambda: books.settle_owed(shelf, _stream(service)), live.look_again]
    service.rounds += [rulings.carry_on, rulings.tell_counted]
    service.leaving.append(live.end)
    service.closing.append(book.close)
    return service


def build_tally(settings: Settings, clock: Clock | None = None) -> Service:
    """The process that counts what is in the stream, and closes the tally."""
    service = _service(settings, clock, "voting-tally", WHATEVER)
    counting = tallying(service, settings)
    service.prepare.append(counting.store.prepare)
    service.rounds.append(lambda: _count(counting))
    service.tasks.append(lambda: _close_ended(counting))
    return service


def _service(settings: Settings, clock: Clock | None, process: str, partitions: int) -> Service:
    service = Service("voting", settings, clock, process=process)
    service.stream = Partitions(settings.stream_url, VOTES, settings.amqp_url, partitions)
    if partitions > 1:
        service.prepare.append(lambda: _partitioned(service))
    return service


async def _partitioned(service: Service) -> None:
    """Have the partitions before any book is opened: a broker that cannot have them is known from the start."""
    try:
        await _stream(service).parts()
    except ConnectionError as error:
        raise PartAway("stream", error) from error


def taking(service: Service, settings: Settings) -> Voting:
    """What takes ballots in, with a book and a box of its own."""
    store, rulebooks = VotingStore(service.database), load_all(settings.rulebooks)
    channels = Channels(settings.voter_key.get_secret_value().encode(), settings.channels)
    box = BallotBox(store, rulebooks, channels.named, Book(Shelf(service.database), lambda: _stream(service)))
    return Voting(service.transactions, store, rulebooks, service.clock, channels, box)


def ruling(service: Service, voting: Voting) -> Rulings:
    """What decides on the ballots that are taken in."""
    store = RulingStore(service.database)
    return Rulings(service.transactions, store, voting.rulebooks, service.clock, lambda: _stream(service))


def tallying(service: Service, settings: Settings) -> Tallying:
    """What counts and closes."""
    store, rulebooks = VotingStore(service.database), load_all(settings.rulebooks)
    key = SigningKey.read(settings.signing_key_file)
    rulings = RulingStore(service.database)
    return Tallying(service.transactions, store, rulebooks, service.clock, lambda: _stream(service), key, rulings)


def _stream(service: Service) -> Partitioned:
    assert service.stream is not None
    return service.stream


async def _count(tallying: Tallying) -> bool:
    """Count, and let the votes of a moment come together: they cost one transaction, however many they are."""
    busy = await tallying.count()
    if busy:
        await asyncio.sleep(TOGETHER_S)
    return busy


async def _close_ended(tallying: Tallying) -> None:
    while True:
        await tallying.close_ended()
        await asyncio.sleep(LOOK_S)
