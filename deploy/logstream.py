"""Reads `zhumeng.log`, the stream of everything that was told, from any point to its present end."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage

from chassis.broker import LOG, incoming
from chassis.delivery import Message

OFFSET: Final = "x-stream-offset"
PREFETCH: Final = 2000
QUIET_S: Final = 1.5
"""A stream that gives nothing for as long has nothing to give."""


async def told(amqp_url: str, since: datetime | None = None) -> AsyncIterator[Message]:
    """Every message from the first, or from about `since`, to the last there is now; repeats included."""
    connection = await aio_pika.connect(amqp_url, client_properties={"connection_name": "reads the log"})
    async with connection:
        end = -1
        async for raw in _from(connection, "last"):
            end = _offset(raw)
        if end < 0:
            return
        async for raw in _from(connection, since or "first"):
            yield incoming(raw, str(raw.type))
            if _offset(raw) >= end:
                return


async def _from(connection: AbstractConnection, start: str | datetime) -> AsyncIterator[AbstractIncomingMessage]:
    """Messages from a point on, until none comes for a while."""
    async with connection.channel() as channel:
        await channel.set_qos(PREFETCH)
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        stream = await channel.get_queue(LOG, ensure=False)
        await stream.consume(arrived.put, arguments={OFFSET: start})
        while True:
            try:
                raw = await asyncio.wait_for(arrived.get(), QUIET_S)
            except TimeoutError:
                return
            await raw.ack()
            yield raw


def _offset(raw: AbstractIncomingMessage) -> int:
    return int(str(raw.headers.get(OFFSET, -1)))
