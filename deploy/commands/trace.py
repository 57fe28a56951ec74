"""`zhumeng trace ID`: everything that was told about one thing, in order, from the log stream."""

import asyncio
import json
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from chassis.delivery import Message
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.stack import LocalStack
from deploy.logstream import told

BEIJING = ZoneInfo("Asia/Shanghai")
out = Console(highlight=False)


def trace(
    which: Annotated[
        str, typer.Argument(metavar="ID", help="申报、工作室、材料等的编号 / id of an entry, studio, material…")
    ],
    bodies: Annotated[bool, typer.Option("--bodies", help="显示事件全文 / print each event's body")] = False,
) -> None:
    """按先后列出与一个编号有关的全部事件 / List every event that is about an id or mentions it, in order."""
    stack = LocalStack.running(Home.default())
    if stack is None:
        out.print("未启动，请运行 `zhumeng up` / Not running: `zhumeng up`")
        raise typer.Exit(3)
    found = asyncio.run(_about(which, stack.addresses))
    if not found:
        out.print(f"事件流中没有 {which} / Nothing in the log is about {which}", markup=False)
        raise typer.Exit(1)
    table = Table("时间 at", "事件 topic", "主题 subject", "序 n", "来源 source", "编号 event id")
    for message in found:
        at = f"{message.at.astimezone(BEIJING):%H:%M:%S.%f}"[:-3]
        table.add_row(at, message.topic, message.subject, str(message.sequence), message.source, message.id)
    out.print(table)
    for message in found if bodies else ():
        out.print(f"\n{message.topic}  {message.id}", style="bold")
        out.print(json.dumps(json.loads(message.body), ensure_ascii=False, indent=2), markup=False)


async def _about(which: str, addresses: Addresses) -> list[Message]:
    """Each once, by when it was told; a repeat on the bus is the same event."""
    wanted = which.encode()
    found = {
        message.id: message
        async for message in told(addresses.amqp_urls["analytics"])
        if message.subject.endswith(f"/{which}") or wanted in message.body
    }
    return sorted(found.values(), key=lambda message: message.id)
