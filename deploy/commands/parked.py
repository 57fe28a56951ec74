"""`zhumeng parked`: the messages that gave up, and what a person does about them."""

import asyncio
import getpass
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from chassis.broker import RabbitPublisher
from chassis.mongo import Document, Records, connect
from chassis.parking import Parking, unparked
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.processes import SERVICES

app = typer.Typer(no_args_is_help=True, help="停放的消息 / parked messages")
out = Console(highlight=False)
MONGO_PREFIX = "zhumeng_"

Key = Annotated[str, typer.Argument(help="列表中的编号，或消息编号的开头 / its key, or how its message id starts")]


@app.command("list")
def list_parked(as_json: Annotated[bool, typer.Option("--json", help="每行一条 / a JSON line each")] = False) -> None:
    """列出等待处理的消息，最久的在前；没有时返回 0，有时返回 1 / List what waits; exit 1 when something does."""
    found = asyncio.run(_waiting())
    if as_json:
        for row in found:
            typer.echo(
                json.dumps(
                    {**row, "body": bytes(row["body"]).decode(errors="replace")}, default=str, ensure_ascii=False
                )
            )
    elif not found:
        out.print("没有停放的消息 nothing is parked")
    else:
        table = Table("编号 message", "队列 queue", "停放于 parked at", "发送者 sender", "原因 reason")
        for row in found:
            at = f"{row['parked_at']:%Y-%m-%d %H:%M:%S}Z"
            table.add_row(row["message"], row["queue"], at, row["sender"] or "–", row["reason"][:120])
        out.print(table)
    raise typer.Exit(1 if found else 0)


@app.command()
def show(key: Key) -> None:
    """显示一条消息的全部内容：正文、原因、历史、堆栈 / Show one with body, reason, history and stack."""
    _, row = asyncio.run(_one(key))
    body = bytes(row.pop("body")).decode(errors="replace")
    stack = row.pop("stack")
    out.print_json(json.dumps(row, default=str, ensure_ascii=False))
    out.print("正文 body:", body, markup=False)
    if stack:
        out.print(stack, markup=False)


@app.command()
def replay(
    keys: Annotated[list[str] | None, typer.Argument(help="要重放的消息 / which")] = None,
    everything: Annotated[bool, typer.Option("--all", help="全部 / all that wait")] = False,
    why: Annotated[str, typer.Option("--why", help="原因 / the reason")] = "",
) -> None:
    """放回原队列再处理一次；已生效的不会重复生效 / Put back into its queue; an effect that happened is not repeated."""
    if everything == bool(keys):
        raise typer.BadParameter("请给出编号，或 --all / name messages, or --all")
    count = asyncio.run(_replay(keys or [], why))
    out.print(f"已重放 replayed: {count}")


@app.command()
def discard(key: Key, why: Annotated[str, typer.Option("--why", help="原因，必填 / the reason, required")]) -> None:
    """不再处理；消息与原因留档 / Give it up; the message stays on record with your reason."""
    asyncio.run(_discard(key, why))
    out.print("已留档 kept on record as discarded")


async def _waiting() -> list[Document]:
    return [row async for _, parking in _parkings() for row in await parking.waiting()]


async def _one(key: str) -> tuple[str, Document]:
    found = [(service, row) async for service, parking in _parkings() for row in await parking.find(key)]
    if len(found) == 1:
        return found[0]
    said = "多条消息以此开头，请写全 several messages start so" if found else "没有这条消息 no such message"
    out.print(f"{said}: {key}", markup=False)
    raise typer.Exit(2)


async def _replay(keys: list[str], why: str) -> int:
    count = 0
    wanted = [(await _one(key))[1]["_id"] for key in keys]
    async for service, parking in _parkings():
        rows = [row for row in await parking.waiting() if not keys or row["_id"] in wanted]
        if not rows:
            continue
        async with _publisher(service) as publisher:
            for row in rows:
                await publisher.replay(unparked(row), row["queue"])
                await parking.settle(row, "replayed", getpass.getuser(), why)
                count += 1
    return count


async def _discard(key: str, why: str) -> None:
    wanted, row = await _one(key)
    async for service, parking in _parkings():
        if service == wanted:
            await parking.settle(row, "discarded", getpass.getuser(), why)


async def _parkings() -> AsyncIterator[tuple[str, Parking]]:
    client = connect(str(_addresses().mongo_url))
    try:
        for service in SERVICES:
            yield service, Parking(Records(client[f"{MONGO_PREFIX}{service}"]))
    finally:
        await client.close()


@asynccontextmanager
async def _publisher(service: str) -> AsyncIterator[RabbitPublisher]:
    publisher = RabbitPublisher(_addresses().amqp_urls[service], "parked replay", ())
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def _addresses() -> Addresses:
    addresses = Addresses.read(Home.default())
    if addresses is None:
        out.print("未启动，请运行 `zhumeng up` / Not running: `zhumeng up`")
        raise typer.Exit(3)
    return addresses
