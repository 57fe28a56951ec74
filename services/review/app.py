"""Puts the review service together."""

from chassis.clock import Clock
from chassis.service import Service
from contracts.rulebook import load_all
from services.review.queue import api as queue_api
from services.review.queue.store import QueueStore
from services.review.results import api as results_api
from services.review.results import handlers as results_handlers
from services.review.results.actions import Results
from services.review.results.store import ResultsStore
from services.review.screening import api as screening_api
from services.review.screening import handlers as screening_handlers
from services.review.screening.actions import Screening
from services.review.screening.store import ScreeningStore
from services.review.settings import Settings


def build(settings: Settings, clock: Clock | None = None) -> Service:
    """The review process: provinces decide, experts score, results are published."""
    service = Service("review", settings, clock)
    rulebooks = load_all(settings.rulebooks)
    submissions, honours = ScreeningStore(service.database), ResultsStore(service.database)
    screening = Screening(service.transactions, submissions, rulebooks, service.clock)
    results = Results(service.transactions, honours, submissions, rulebooks, service.clock)
    for table in (screening_handlers.handlers(screening), results_handlers.handlers(results)):
        service.hears.hearers += table.hearers
    queue = queue_api.api(QueueStore(submissions))
    service.routers += [queue, screening_api.api(screening), results_api.api(results)]
    service.prepare += [submissions.prepare, honours.prepare]
    return service
