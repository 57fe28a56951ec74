"""A TCP line between a process and a server, which a test can make silent, refuse, or cut."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

State = Literal["open", "silent", "refused"]


class Line:
    """While `silent` connections stay, new ones are accepted, and no byte passes: a half-open line, a partition.
    While `refused` there are none and none can be made: the server is down."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def listen(self) -> None:
        """Take connections at `port`, the same again after a refusal."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def become(self, state: State) -> None:
        """Change what happens to every connection there is and will be."""
        match state:
            case "silent":
                self._open.clear()
            case "refused":
                await self.close()
                self._open.set()
            case "open":
                if self._server is None:
                    await self.listen()
                self._open.set()

    def cut(self) -> None:
        """Reset every connection; what it held back is gone."""
        for writer in tuple(self._ends):
            writer.transport.abort()
        self._ends.clear()

    async def close(self) -> None:
        """Take no more connections and reset those there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.cut()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        with contextlib.suppress(OSError):
            await self._open.wait()
            far_reader, far_writer = await asyncio.open_connection(*self._to)
            self._ends.add(far_writer)
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        self._ends.discard(writer)
        writer.close()


@contextlib.asynccontextmanager
async def line(host: str, port: int) -> AsyncIterator[Line]:
    """A line to a server, open at first."""
    made = Line(host, port)
    await made.listen()
    try:
        yield made
    finally:
        await made.become("open")
        await made.close()
