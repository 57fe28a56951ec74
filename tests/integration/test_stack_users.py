"""RabbitMQ's users can do only their part."""

import aio_pika
import pytest
from aiormq.exceptions import ChannelAccessRefused

from deploy.local.addresses import Addresses
from tests.support.native import Native


@pytest.fixture(scope="module")
def addresses(native: Native) -> Addresses:
    return native.users()


@pytest.fixture
async def house(addresses: Addresses) -> None:
    """The exchanges and queues of the product, as far as these tests touch them."""
    async with await aio_pika.connect(addresses.amqp_urls["ops"]) as connection:
        channel = await connection.channel()
        for name in ("zhumeng.events", "zhumeng.ingress"):
            await channel.declare_exchange(name, aio_pika.ExchangeType.TOPIC, durable=True)
        for name in ("zhumeng.votes", "zhumeng.log", "review.parked"):
            await channel.declare_queue(name, durable=True)


async def publish(addresses: Addresses, user: str, exchange: str) -> None:
    async with await aio_pika.connect(addresses.amqp_urls[user]) as connection:
        channel = await connection.channel()
        target = await channel.get_exchange(exchange, ensure=False)
        await target.publish(aio_pika.Message(b"{}"), "x", mandatory=False)


async def look(addresses: Addresses, user: str, queue: str) -> None:
    async with await aio_pika.connect(addresses.amqp_urls[user]) as connection:
        channel = await connection.channel()
        await (await channel.get_queue(queue, ensure=False)).get(fail=False)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("user", "exchange"), [("frontend", "zhumeng.ingress"), ("media", "zhumeng.events")])
async def test_user_when_publishing_where_it_may_is_confirmed(addresses: Addresses, user: str, exchange: str) -> None:
    await publish(addresses, user, exchange)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(
    ("user", "exchange"),
    [("frontend", "zhumeng.events"), ("media", "amq.topic"), ("analytics", "zhumeng.ingress")],
)
async def test_user_when_publishing_where_it_may_not_is_refused(addresses: Addresses, user: str, exchange: str) -> None:
    with pytest.raises(ChannelAccessRefused):
        await publish(addresses, user, exchange)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("user", "queue"), [("media", "review.parked"), ("frontend", "zhumeng.log")])
async def test_user_when_reading_what_is_not_its_own_is_refused(addresses: Addresses, user: str, queue: str) -> None:
    with pytest.raises(ChannelAccessRefused):
        await look(addresses, user, queue)


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize("queue", ["zhumeng.votes", "zhumeng.log"])
async def test_analytics_reads_votes_and_log(addresses: Addresses, queue: str) -> None:
    await look(addresses, "analytics", queue)
