"""One process of the product: its database, bus and HTTP wired together, started patiently, stopped cleanly."""

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import uvicorn
from aio_pika.exceptions import AMQPException
from fastapi import APIRouter, FastAPI
from pymongo.errors import PyMongoError

from chassis import health, logs, problems, tracing
from chassis.broker import OUTAGES, RabbitPublisher
from chassis.clock import Clock, SystemClock
from chassis.direct import DirectHttp
from chassis.ending import ended, stopping
from chassis.hearing import Hears, Reception
from chassis.identity import JwksKeys, Verifier
from chassis.lane import Application, Lane
from chassis.logs import log
from chassis.mongo import Records, connect
from chassis.relay import Relay
from chassis.requests import Requests
from chassis.settings import ServiceSettings
from chassis.streams import Partitioned
from chassis.subscriptions import Subscriptions
from chassis.transaction import Transactions

KEEP_ALIVE_S = 75
"""Longer than any proxy keeps an idle connection: whoever sends the requests has to be the one who closes it."""
PAUSE_S = 0.1
YOUNG = 20_000
"""Objects made and not yet gone before the collector looks for those that hold each other: more than a thousand
requests at once have between them, so that it does not look at them again and again while they are under way."""
Work = Callable[[], Awaitable[None]]


class Service:
    """What a composition root fills: `prepare` runs before anything is served, `tasks` run while it lives,
    `rounds` are run for as long as each finds something to do, `leaving` is told when it is to stop and requests are
    waited for, `closing` when it stops; `checks` must pass for it to be ready; `lanes` are served before all else."""

    def __init__(
        self, name: str, settings: ServiceSettings, clock: Clock | None = None, process: str | None = None
    ) -> None:
        self.name, self.process, self.settings = name, process or name, settings
        self.clock = clock or SystemClock()
        self.client = connect(settings.mongo_url)
        self.database = self.client[f"{settings.mongo_prefix}{name}"]
        self.records = Records(self.database)
        self.transactions = Transactions(self.records, f"zhumeng/{name}", self.clock)
        self.verifier = Verifier(JwksKeys(settings.jwks_url), settings.issuer, settings.audience)
        self.reception = Reception(self.records, settings.retry_delays)
        self.hears = Hears(name)
        self.routers: list[APIRouter] = []
        self.prepare: list[Work] = []
        self.tasks: list[Work] = []
        self.rounds: list[Callable[[], Awaitable[bool]]] = []
        self.leaving: list[Callable[[], None]] = []
        self.closing: list[Work] = []
        self.checks: dict[str, Work] = {"mongodb": self._mongodb_answers}
        self.lanes: list[Lane] = []
        self.stream: Partitioned | None = None

    def http(
        self, lifespan: Callable[[FastAPI], contextlib.AbstractAsyncContextManager[None]] | None = None
    ) -> FastAPI:
        """The HTTP application: the service's routes, health, metrics and OpenAPI."""
        app = Application(
            self.lanes, self.verifier, self.clock, title=f"Zhumeng {self.name}", version="1", lifespan=lifespan
        )
        problems.install(app)
        for router in self.routers:
            app.include_router(router)
        app.include_router(health.routes(self.process, self.checks))
        app.add_middleware(Requests)
        return app

    async def ready_database(self) -> None:
        """Create collections and indexes, the chassis's and the service's own."""
        await self.records.prepare()
        for prepare in self.prepare:
            await prepare()

    async def _mongodb_answers(self) -> None:
        await self.client.admin.command("ping")


class PartAway(ConnectionError):
    """Raised while preparing: another part than the database, named, is out of reach."""

    def __init__(self, part: str, error: ConnectionError) -> None:
        super().__init__(str(error))
        self.part = part


class Process:
    """A Service alive on a real broker."""

    def __init__(self, service: Service) -> None:
        self.service = service
        settings = service.settings
        self.publisher = RabbitPublisher(settings.amqp_url, service.process, settings.retry_delays)
        self.relay = Relay(service.records, self.publisher)
        self.subscriptions = Subscriptions(settings.amqp_url, service.hears, service.reception, self.publisher)
        self._waiting_for: str | None = "start"
        self._hearing: asyncio.Task[None] | None = None
        self._working: list[asyncio.Task[None]] = []
        service.checks |= {
            "started": self._started,
            "rabbitmq": self.publisher.answers,
            "subscriptions": self.subscriptions.consuming,
        }
        if service.stream is not None:
            service.checks["stream"] = service.stream.answers

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start in the background, so that health is answered from the first moment; stop in order."""
        starting = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await ended(starting)
            if self._hearing is not None:
                # Cancelled once and waited for: it settles the deliveries in hand.
                self._hearing.cancel()
                await asyncio.wait([self._hearing])
            await ended(*self._working)
            for close in self.service.closing:
                with contextlib.suppress(PyMongoError, *OUTAGES):
                    await close()
            await self._close()

    async def _run(self) -> None:
        await self._patiently("mongodb", self.service.ready_database)
        await self._patiently("rabbitmq", self.publisher.start)
        self._waiting_for = None
        self._hearing = asyncio.create_task(_kept_running(self.subscriptions.run))
        rounds = [partial(_again_and_again, one) for one in self.service.rounds]
        works: tuple[Work, ...] = (self.relay.watch, self.relay.run, *self.service.tasks, *rounds)
        self._working = [asyncio.create_task(_kept_running(work)) for work in works]
        log().info("started")

    async def _patiently(self, part: str, start: Work) -> None:
        self._waiting_for = part
        while True:
            try:
                return await start()
            except PartAway as error:
                self._waiting_for = error.part
                log().warning("waiting_for", part=error.part, error=str(error)[:200])
            except (PyMongoError, *OUTAGES) as error:
                self._waiting_for = part
                log().warning("waiting_for", part=part, error=repr(error)[:200])
            except Exception as error:  # noqa: BLE001 - a fault no waiting mends, but seen: it stays red and is logged
                self._waiting_for = f"{part}: {error!r}"[:200]
                log().error("cannot_start", part=part, error=repr(error)[:300], exc_info=True)
            await asyncio.sleep(1)

    async def _close(self) -> None:
        with contextlib.suppress(PyMongoError, AMQPException, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self.relay.release()
        with contextlib.suppress(AMQPException, OSError, TimeoutError):
            async with asyncio.timeout(5):
                await self.publisher.stop()
        if self.service.stream is not None:
            await self.service.stream.stop()
        await self.service.client.close()
        log().info("stopped")

    async def _started(self) -> None:
        if self._waiting_for is not None:
            raise ConnectionError(f"waiting for {self._waiting_for}")


async def _again_and_again(one: Callable[[], Awaitable[bool]]) -> None:
    """Run rounds, at once while there is something to do, else after a pause; an outage is waited out."""
    while not stopping():
        try:
            busy = await one()
        except (PyMongoError, OSError, TimeoutError) as error:
            log().warning("round_waits", error=repr(error)[:200])
            busy = False
        if not busy:
            await asyncio.sleep(PAUSE_S)


async def _kept_running(work: Work) -> None:
    """Run a background task for the life of the process; what ends it is logged, and it is begun again."""
    while not stopping():
        try:
            await work()
            if stopping():
                return
            log().error("task_ended", task=work.__qualname__ if hasattr(work, "__qualname__") else repr(work))
        except Exception as error:  # noqa: BLE001 - a background task must not take the process with it
            log().error("task_failed", error=repr(error)[:300], exc_info=True)
        await asyncio.sleep(1)


def application(service: Service) -> FastAPI:
    """The ASGI application of one process, on its real broker."""
    return service.http(Process(service).lifespan)


def unpaused() -> None:
    """Keep the collector from looking at all that was loaded, again and again, with the process standing still."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
    gc.enable()


class Server(uvicorn.Server):
    """Tells the service that it is to stop before it waits for the requests in hand, of which some end only then."""

    def __init__(self, service: Service, app: FastAPI) -> None:
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.http_host,
                port=settings.http_port,
                root_path=f"/api/{service.name}",  # the gateway takes it off; links in the API's own pages need it
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=20,
                timeout_keep_alive=KEEP_ALIVE_S,
                server_header=False,
                proxy_headers=False,
                loop="uvloop",  # a fifth less time for each message than asyncio's own
                http=DirectHttp,
                ws="none",
            )
        )
        self._leaving = service.leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, let requests end, then the application."""
        for leave in self._leaving:
            leave()
        await super().shutdown(sockets)


def serve(service: Service) -> None:
    """Run a process until SIGTERM: requests end, deliveries in hand are settled, then it stops."""
    settings = service.settings
    logs.configure(service.process, settings.log)
    tracing.configure(service.process, settings.otlp_endpoint)
    app = application(service)
    unpaused()
    with contextlib.suppress(KeyboardInterrupt):
        Server(service, app).run()
