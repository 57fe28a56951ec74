"""What is told before a hearer has ever run is kept for it."""

from collections.abc import Callable
from contextlib import AsyncExitStack

import aio_pika

from chassis.broker import INGRESS
from contracts.ingress import HandInBallot
from deploy.topology import definitions
from tests.support.factories import make
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import OnRabbit, counter


async def test_message_published_before_its_hearer_first_ran_arrives(
    rabbit: Rabbit, vhost: Callable[[Rabbit], Vhost], mongo_url: str, database_prefix: str
) -> None:
    own = vhost(rabbit)
    with rabbit.management() as api:
        for kind, items in definitions().items():
            mine = [{key: value for key, value in item.items() if key != "vhost"} for item in items]
            api.post(f"/api/definitions/{own.name}", json={kind: mine}).raise_for_status()
    async with AsyncExitStack() as stack:
        world = OnRabbit(own.amqp_url, stack)
        ballot = make(HandInBallot, voter="early")
        message = aio_pika.Message(ballot.model_dump_json().encode(), message_id="m-1", user_id=world.user)
        async with await aio_pika.connect(own.amqp_url) as connection, connection.channel() as channel:
            await (await channel.get_exchange(INGRESS)).publish(message, ballot.topic)
        service = counter("voting", mongo_url, database_prefix, own.amqp_url)
        await world.join(service.service)
        assert await world.until(lambda: service.has(1))
        assert await service.counted() == {"early": 1}
