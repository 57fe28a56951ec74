"""A RabbitMQ stream over its own protocol, on one connection that is made anew when it was lost."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from rstream import connection, exceptions, schema
from rstream.client import Client
from rstream.connection import ConnectionClosed
from rstream.constants import OffsetType

from chassis.streams import Entry, Place

FRAME: Final = 1 << 20
"""Bytes of a frame, the broker's default."""
APPEND: Final = 500
"""Messages in a frame: 2 kB each still fit."""
CONFIRM_S: Final = 10.0
CREDIT: Final = 10
"""Chunks on their way to a reader."""
AWAY = (
    ConnectionClosed, OSError, TimeoutError, AssertionError, ValueError, exceptions.ServerError, exceptions.ClientError,
)  # fmt: skip
"""What the client library raises while the broker is away or closes the connection under it."""

connection.CHUNK_SIZE = 2**16
"""Bytes read at once: the library's own 256 are half a vote."""


class RabbitStream:
    """One stream, created where there is none, with its retention: bytes and age."""

    def __init__(self, url: str, name: str, max_bytes: int = 20_000_000_000, max_age: str = "8760h") -> None:
        self._parts, self.name = urlsplit(url), name
        self._arguments = {"max-length-bytes": max_bytes, "max-age": max_age, "queue-leader-locator": "least-leaders"}
        self._client: Client | None = None
        self._connecting = asyncio.Lock()
        self._publishers: dict[str, int] = {}
        self._confirmed: dict[int, asyncio.Future[None]] = {}
        self._missing: dict[int, set[int]] = {}
        self._arrived: deque[Entry] = deque()
        self._news = asyncio.Event()
        self._next: Place | None = None

    async def append(self, producer: str, numbered: Sequence[tuple[int, bytes]]) -> None:
        """See `Stream`."""
        async with self._using() as client:
            publisher = await self._publisher(client, producer)
            for start in range(0, len(numbered), APPEND):
                await self._append(client, publisher, numbered[start : start + APPEND])

    async def _append(self, client: Client, publisher: int, numbered: Sequence[tuple[int, bytes]]) -> None:
        confirmed = self._confirmed[publisher] = asyncio.get_running_loop().create_future()
        self._missing[publisher] = {number for number, _ in numbered}
        messages = [schema.Message(number, None, message) for number, message in numbered]
        try:
            async with asyncio.timeout(CONFIRM_S):
                await client.send_publish_frame(schema.Publish(publisher, messages))
                await confirmed
        finally:
            self._confirmed.pop(publisher, None)

    async def last(self, producer: str) -> int:
        """See `Stream`."""
        async with self._using() as client:
            return await client.query_publisher_sequence(self.name, producer)

    async def poll(self, place: Place, wait_s: float) -> list[Entry]:
        """See `Stream`."""
        async with self._using() as client:
            if self._next != place:
                await self._subscribe(client, place)
            if not self._arrived:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._news.wait()
            if not client.is_connection_alive():
                raise ConnectionError("the connection to the stream was lost")
            found = list(self._arrived)
            self._arrived.clear()
            self._news.clear()
            if found:
                self._next = found[-1].offset + 1
            return found

    async def answers(self) -> None:
        """See `Stream`."""
        async with self._using():
            pass

    async def stop(self) -> None:
        """See `Stream`."""
        await self._forget()

    @contextlib.asynccontextmanager
    async def _using(self) -> AsyncIterator[Client]:
        """The connection, made where there is none; forgotten where something went wrong on it."""
        try:
            async with self._connecting:
                if self._client is None or not self._client.is_connection_alive():
                    await self._forget()
                    self._client = await self._connected()
            yield self._client
        except AWAY as error:
            await self._forget()
            raise ConnectionError(f"the stream {self.name} is away: {error!r}"[:300]) from error
        except asyncio.CancelledError:
            await self._forget()  # what was under way when it was broken off is not known
            raise

    async def _connected(self) -> Client:
        client = await self._opened(*address(self._parts))
        try:
            if not await client.stream_exists(self.name):
                with contextlib.suppress(exceptions.StreamAlreadyExists):
                    await client.create_stream(self.name, self._arguments)
            leader, replicas = await client.query_leader_and_replicas(self.name)
            if not replicas:  # a node alone: whatever way we reached it by will do
                return client
        except BaseException:
            await closed(client)
            raise
        await closed(client)
        return await self._opened(leader.host, leader.port)

    async def _opened(self, host: str, port: int) -> Client:
        client = await opened(self._parts, host, port, self._lost)
        client.add_handler(schema.PublishConfirm, self._confirm, "0")
        client.add_handler(schema.PublishError, self._refuse, "0")
        client.add_stream(self.name)
        return client

    async def _publisher(self, client: Client, producer: str) -> int:
        if producer not in self._publishers:
            number = len(self._publishers) % 255
            for stale in [name for name, known in self._publishers.items() if known == number]:
                del self._publishers[stale]
                await client.delete_publisher(number)
            await client.declare_publisher(self.name, producer, number)
            self._publishers[producer] = number
        return self._publishers[producer]

    async def _subscribe(self, client: Client, place: Place) -> None:
        if self._next is not None:
            await client.unsubscribe(0)
        self._arrived.clear()
        self._next = place
        client.add_handler(schema.Deliver, self._deliver, "0")
        await client.run_queue_listener_task(0, self._deliver)
        await client.subscribe(self.name, 0, schema.OffsetSpec.from_params(*_specified(place)), CREDIT)

    async def _deliver(self, frame: schema.Deliver) -> None:
        wanted, first = self._next if isinstance(self._next, int) else 0, frame.chunk_first_offset
        for offset, message in enumerate(frame.get_messages(), first):
            if offset >= wanted:  # a chunk is delivered whole, from its first message on
                self._arrived.append(Entry(offset, message))
        self._news.set()
        if self._client is not None:
            await self._client.credit(0, 1)

    def _confirm(self, frame: schema.PublishConfirm) -> None:
        missing, confirmed = self._missing.get(frame.publisher_id, set()), self._confirmed.get(frame.publisher_id)
        missing.difference_update(frame.publishing_ids)
        if not missing and confirmed is not None and not confirmed.done():
            confirmed.set_result(None)

    def _refuse(self, frame: schema.PublishError) -> None:
        confirmed = self._confirmed.get(frame.publisher_id)
        if confirmed is not None and not confirmed.done():
            confirmed.set_exception(ConnectionError(f"refused by the broker: code {frame.errors[0].response_code}"))

    def _lost(self, _: Any) -> None:
        for confirmed in self._confirmed.values():
            if not confirmed.done():
                confirmed.set_exception(ConnectionError("the connection to the stream was lost"))
        self._news.set()

    async def _forget(self) -> None:
        client, self._client = self._client, None
        self._publishers.clear()
        self._arrived.clear()
        self._next = None
        if client is not None:
            await closed(client)


def address(url: SplitResult) -> tuple[str, int]:
    """Host and port of a stream's address."""
    return url.hostname or "127.0.0.1", url.port or 5552


async def opened(url: SplitResult, host: str, port: int, lost: Callable[[Any], None] = lambda _: None) -> Client:
    """A connection, as the user and into the vhost of an address; any of `AWAY` where there is none to be had."""
    client = Client(host, port, frame_max=FRAME, heartbeat=20, connection_closed_handler=lost)
    try:
        async with asyncio.timeout(5):
            await client.start()
            vhost, user, password = (unquote(each or "") for each in (url.path[1:], url.username, url.password))
            await client.authenticate(vhost or "/", user, password)
    except BaseException:
        await closed(client)
        raise
    return client


def _specified(place: Place) -> tuple[OffsetType, int | None]:
    match place:
        case int():
            return OffsetType.OFFSET, place
        case datetime():
            return OffsetType.TIMESTAMP, round(place.timestamp() * 1000)
        case "last":
            return OffsetType.LAST, None
        case _:
            return OffsetType.FIRST, None


async def closed(client: Client) -> None:
    """Close a connection, whatever state it is in."""
    with contextlib.suppress(*AWAY):
        async with asyncio.timeout(2):
            await client.close()
