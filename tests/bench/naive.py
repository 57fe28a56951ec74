"""Yardsticks: a voting service as one would write it first, and a server that answers nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import aio_pika
import uvicorn
from fastapi import FastAPI, Request
from pydantic import BaseModel
from pymongo.errors import DuplicateKeyError

from chassis.ids import new_id
from chassis.mongo import connect


class Vote(BaseModel):
    """A ballot, one a request."""

    campaign: str
    entry: str
    voter: str
    nonce: str | None = None


def naive(mongo_url: str, database: str, amqp_url: str, port: int) -> None:
    """FastAPI, one insert to a majority's journal, one confirmed publish for each vote."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.ballots = connect(mongo_url)[database].ballots
        async with await aio_pika.connect(amqp_url) as connection:
            app.state.channel = await connection.channel(publisher_confirms=True)
            queue = await app.state.channel.declare_queue("naive", durable=True, arguments={"x-queue-type": "stream"})
            app.state.queue = queue.name
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/votes")
    async def hand_in(vote: Vote, request: Request) -> dict[str, Any]:
        ballot, state = new_id(), request.app.state
        row = {"_id": f"{vote.campaign}/{vote.entry}/{vote.voter}", "ballot": ballot, "at": datetime.now(UTC)}
        try:
            await state.ballots.insert_one(row)
        except DuplicateKeyError:
            return {"outcome": "already_counted"}
        message = aio_pika.Message(vote.model_dump_json().encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await state.channel.default_exchange.publish(message, state.queue)
        return {"outcome": "counted", "ballot": ballot}

    _serve(app, port)


def empty(port: int) -> None:
    """Reads the request and answers 202."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    _serve(app, port)


def _serve(app: Any, port: int) -> None:
    uvicorn.run(
        app, port=port, log_config=None, access_log=False, lifespan="auto" if isinstance(app, FastAPI) else "off"
    )


async def listening(port: int) -> bool:
    """Whether somebody answers there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
