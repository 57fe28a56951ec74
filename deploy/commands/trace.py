"""`zhumeng trace ID`: everything that was told about one thing, in order, from the log stream."""

import asyncio
import json
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from chassis.delivery import Message
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.stack import LocalStack
from deploy.logstream import told

BEIJING = ZoneInfo("Asia/Shanghai")
SAID = ("name", "title", "attempt", "size", "verdict", "template", "channel", "votes", "rank")
"""Fields of an event's body that are shown in one line."""

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
    for message in found:
        at = f"{_at(message).astimezone(BEIJING):%H:%M:%S.%f}"[:-3]
        out.print(f"{at}  {message.topic:<38}  {_gist(message)}", markup=False, soft_wrap=True)
        out.print(
            f"{'':14}{message.subject} #{message.sequence}  {message.id}", style="dim", markup=False, soft_wrap=True
        )
        if bodies:
            out.print(json.dumps(json.loads(message.body), ensure_ascii=False, indent=2), markup=False, soft_wrap=True)


def _at(message: Message) -> datetime:
    """When it became true: the bus itself keeps whole seconds only."""
    return datetime.fromisoformat(json.loads(message.body)["at"])


def _gist(message: Message) -> str:
    """What is worth knowing at a glance."""
    body = json.loads(message.body)
    said = {name: body[name] for name in SAID if name in body}
    said |= {"attempt": body["about"]["attempt"]} if "about" in body else {}
    return "  ".join(f"{name}={value}" for name, value in said.items() if value is not None)


async def _about(which: str, addresses: Addresses) -> list[Message]:
    """Each once, by when it was told; a repeat on the bus is the same event."""
    wanted = which.encode()
    found = {
        message.id: message
        async for message in told(addresses.amqp_urls["analytics"])
        if message.subject.endswith(f"/{which}") or wanted in message.body
    }
    return sorted(found.values(), key=lambda message: message.id)
