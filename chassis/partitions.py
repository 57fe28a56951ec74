"""A RabbitMQ stream in partitions, which any client finds together under one name: a super stream, as an exchange and
bindings, so that partitions can be added (the stream protocol's own command, of RabbitMQ 3.13, cannot add any)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel
from rstream.client import Client
from rstream.exceptions import StreamDoesNotExist

from chassis.broker import OUTAGES
from chassis.rabbitstream import AWAY, RabbitStream, address, closed, opened

SUPER_STREAMS_SINCE: Final = (3, 11)
AMQP_S: Final = 10.0
LOOK_AGAIN_S: Final = 10.0
"""So long partitions that somebody adds may stay unread."""


class CannotPartition(ConnectionError):
    """What was asked for cannot be had of this broker, or not without making the stream anew; waiting does not help."""


class Partitions:
    """A stream, or `count` partitions, created where they are missing; with a count of 0 whatever there is, which is
    looked at again and again. They may become more: fewer is refused, as whoever asks for it was told another number
    than those he shares them with. The first is the stream of the name itself, `<name>-1` comes next: so whoever was
    told that it is alone is in a partition of all others, whichever of them began."""

    def __init__(self, url: str, name: str, amqp_url: str = "", count: int = 0) -> None:
        self.name, self.count = name, count
        self._url, self._amqp_url = url, amqp_url
        self._streams: dict[str, RabbitStream] = {}
        self._names: Sequence[str] = ()
        self._finding, self._found_at = asyncio.Lock(), 0.0

    async def parts(self) -> Sequence[str]:
        """See `Partitioned`."""
        async with self._finding:
            now = asyncio.get_running_loop().time()
            if not self._names or (self.count == 0 and now > self._found_at + LOOK_AGAIN_S):
                self._names, self._found_at = await self._found(), now
        return self._names

    async def part(self, name: str = "") -> RabbitStream:
        """See `Partitioned`."""
        return self._stream(name or (await self.parts())[0])

    async def answers(self) -> None:
        """See `Partitioned`."""
        for name in await self.parts():
            await self._stream(name).answers()

    async def stop(self) -> None:
        """See `Partitioned`."""
        for stream in self._streams.values():
            await stream.stop()

    async def make_anew(self) -> None:
        """Delete every partition with all it holds, and begin again with as many as are asked for, or as there were."""
        await self.stop()
        found, plain, version = await self._look()
        self.count = self.count or len(found)
        self._refuse_old(version)
        async with self._asking() as client:
            for name in (*found, self.name) if plain else found:
                with contextlib.suppress(StreamDoesNotExist):
                    await client.delete_stream(name)
        if found:
            async with self._amqp() as channel:
                await channel.exchange_delete(self.name)
        self._names = ()
        await self.answers()

    async def _look(self) -> tuple[Sequence[str], bool, str]:
        """The partitions there are, whether there is a plain stream, and which version the broker is."""
        async with self._asking() as client:
            version = (client.server_properties or {})["version"]
            found = await client.partitions(self.name) if _knows(version) else []  # 3.10 answers in a form of its own
            return found, await client.stream_exists(self.name), version

    async def _found(self) -> Sequence[str]:
        found, _, version = await self._look()
        if self.count and len(found) > self.count:
            raise CannotPartition(
                f"{self.name} has {len(found)} partitions, and {self.count} were asked for: "
                f"set ZM_VOTE_PARTITIONS to {len(found)}, or make it anew (`zhumeng votes rebuild`)"
            )
        if self.count <= 1:
            return found or (self.name,)
        self._refuse_old(version)
        names = [*found, *(self._nth(n) for n in range(len(found), self.count))]
        await self._add(names, len(found))
        return names

    def _nth(self, n: int) -> str:
        return f"{self.name}-{n}" if n else self.name

    def _refuse_old(self, version: str) -> None:
        if self.count > 1 and not _knows(version):
            raise CannotPartition(
                f"RabbitMQ {version} cannot have partitions of {self.name}: "
                "set ZM_VOTE_PARTITIONS to 1, or update it to 3.11"
            )

    async def _add(self, names: Sequence[str], first: int) -> None:
        """Create partitions from the `first` that is missing on, and bind each in its order; safe to repeat."""
        if first == len(names):
            return
        for name in names[first:]:
            await self._stream(name).answers()
        async with self._amqp() as channel:
            exchange = await channel.declare_exchange(self.name, durable=True, arguments={"x-super-stream": True})
            for order, name in list(enumerate(names))[first:]:
                queue = await channel.get_queue(name, ensure=False)
                await queue.bind(exchange, str(order), arguments={"x-stream-partition-order": order})

    def _stream(self, name: str) -> RabbitStream:
        if name not in self._streams:
            self._streams[name] = RabbitStream(self._url, name)
        return self._streams[name]

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[Client]:
        """A connection of its own, as one for a stream would create that."""
        client, url = None, urlsplit(self._url)
        try:
            client = await opened(url, *address(url))
            yield client
        except AWAY as error:
            raise ConnectionError(f"the stream {self.name} is away: {error!r}"[:300]) from error
        finally:
            if client is not None:
                await closed(client)

    @contextlib.asynccontextmanager
    async def _amqp(self) -> AsyncIterator[AbstractChannel]:
        try:
            async with asyncio.timeout(AMQP_S), await aio_pika.connect(self._amqp_url) as connection:
                yield await connection.channel()
        except OUTAGES as error:
            raise ConnectionError(f"the partitions of {self.name} cannot be declared: {error!r}"[:300]) from error


def _knows(version: str) -> bool:
    """Whether a broker of a version has super streams."""
    return tuple(map(int, version.split(".")[:2])) >= SUPER_STREAMS_SINCE
