"""The local stack as the demo's world: brought up, told of the rehearsal, and talked to as everybody else does."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import aio_pika
import httpx
from aio_pika.abc import AbstractExchange, AbstractIncomingMessage

from chassis.broker import INGRESS
from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import Rulebook
from deploy.demo.calendar import Calendar, write
from deploy.demo.packages import Packages
from deploy.demo.show import Show
from deploy.demo.slowness import slowness
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.stack import SERVERS, LocalStack
from deploy.processes import PROCESSES, SERVICES

ANSWER_S = 20.0
LEAD_S = 10.0
"""What the product's processes take to start on two idle cores."""
START_S = 180.0
"""Far more than it takes; on a machine that is busy with other things it should be slow rather than fail."""
DIRECT_REPLY = "amq.rabbitmq.reply-to"


@dataclass(frozen=True)
class Ready:
    """A stack that runs the rehearsal, and the packages to send to it."""

    addresses: Addresses
    rulebook: Rulebook
    packages: Packages


async def prepare(home: Home, show: Show, pace: float) -> Ready:
    """Bring the servers up while videos are made; then let the product begin, or begin anew, with the rehearsal."""
    show.expect("start", len(SERVERS) + len(PROCESSES) + 1)
    packages = Packages(home.folder("demo/videos"))
    stack = await asyncio.to_thread(LocalStack.open, home)

    def told(name: str, what: str) -> None:
        if what == "ready" and name in wanted:
            wanted.discard(name)
            show.step("start")

    wanted = {*SERVERS, *PROCESSES}
    slow = await asyncio.to_thread(slowness)  # before anything of ours keeps the machine busy
    await asyncio.gather(asyncio.to_thread(stack.start, *SERVERS, within=START_S, told=told), packages.make_videos())
    show.step("start")
    show.say("存储与消息服务就绪，视频素材已备好", "stores and broker are ready, videos are made")
    rulebook = Calendar(datetime.now(UTC).replace(microsecond=0), pace * slow, LEAD_S * slow).rulebook()
    write(rulebook, home.folder("rulebooks"))
    await asyncio.to_thread(stack.restart, *PROCESSES, within=START_S, told=told)
    show.say(f"规则已载入：{rulebook.title.zh}", rulebook.id)
    return Ready(stack.addresses, rulebook, packages)


class StackWorld:
    """Talks to a stack through its gateway, its object store's signed addresses, and its bus."""

    def __init__(self, services: dict[str, httpx.AsyncClient], files: httpx.AsyncClient, ingress: "Ingress") -> None:
        self._services, self._files, self._ingress = services, files, ingress

    def service(self, name: str) -> httpx.AsyncClient:
        return self._services[name]

    @property
    def files(self) -> httpx.AsyncClient:
        return self._files

    async def hand_in(self, ballot: HandInBallot, message_id: str) -> BallotAnswer:
        return await self._ingress.hand_in(ballot, message_id)

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Ingress:
    """The frontend's line to the bus: what it publishes is answered to it directly."""

    def __init__(self, exchange: AbstractExchange) -> None:
        self._exchange = exchange
        self._asked: dict[str, asyncio.Future[BallotAnswer]] = {}

    async def hand_in(self, ballot: HandInBallot, message_id: str) -> BallotAnswer:
        """Publish, wait for the answer; TimeoutError where none comes."""
        correlation = str(uuid.uuid4())
        answer = self._asked[correlation] = asyncio.get_running_loop().create_future()
        message = aio_pika.Message(
            ballot.model_dump_json().encode(),
            message_id=message_id,
            correlation_id=correlation,
            reply_to=DIRECT_REPLY,
            user_id="frontend",
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        try:
            await self._exchange.publish(message, HandInBallot.topic, mandatory=True)
            return await asyncio.wait_for(answer, ANSWER_S)
        except TimeoutError:
            raise TimeoutError(f"没有答复 no answer to ballot {message_id} over the bus") from None
        finally:
            del self._asked[correlation]

    async def answered(self, message: AbstractIncomingMessage) -> None:
        """An answer came."""
        asked = self._asked.get(message.correlation_id or "")
        if asked is not None and not asked.done():
            asked.set_result(BallotAnswer.model_validate_json(message.body))


@asynccontextmanager
async def entered(addresses: Addresses) -> AsyncIterator[StackWorld]:
    """The world, with its connections open."""
    async with AsyncExitStack() as opened:
        limits = httpx.Limits(max_connections=40, max_keepalive_connections=40)
        services = {
            name: await opened.enter_async_context(
                httpx.AsyncClient(
                    base_url=f"{addresses.gateway_url}/api/{name}", timeout=20, trust_env=False, limits=limits
                )
            )
            for name in SERVICES
        }
        files = await opened.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False, limits=limits))
        connection = await opened.enter_async_context(await aio_pika.connect(addresses.amqp_urls["frontend"]))
        channel = await connection.channel(publisher_confirms=True)
        ingress = Ingress(await channel.get_exchange(INGRESS, ensure=False))
        replies = await channel.get_queue(DIRECT_REPLY, ensure=False)
        await replies.consume(ingress.answered, no_ack=True)
        yield StackWorld(services, files, ingress)
