"""`zhumeng media`: the queue of checks, one more worker for it, and uploads that were accepted and do not go on."""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Column, Table

from chassis.service import Service
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.product import product
from deploy.local.supervision import MARK
from services.media.app import ApiParts, assemble
from services.media.intake.mending import Kind, Stuck
from services.media.queue.models import Overview, Task
from services.media.queue.rules import CHECK, level_of
from services.media.settings import Settings

app = typer.Typer(no_args_is_help=True, help="材料的检查队列 / uploads and their checks")
out = Console(highlight=False)
TASKS: Final[Mapping[Task, str]] = {"check": "待检查", "prove": "待逐字节核对", "publish": "待发布"}
KINDS: Final[Mapping[Kind, str]] = {
    "completing": "入库未完成",
    "unqueued": "未进入队列",
    "held": "等待人工",
    "put_off": "平台故障",
    "unattended": "无检查进程",
}


@app.command()
def queue(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="每秒一行，直到没有等待 / a line a second until none waits")
    ] = False,
) -> None:
    """查看检查队列 / What waits to be checked, what runs, and when it will be empty."""
    asyncio.run(_queue(follow))


@app.command()
def worker() -> None:
    """在前台再运行一个检查进程，Ctrl+C 停止 / Run one more media worker beside the stack's, until Ctrl+C."""
    home, addresses = _running()
    part = _part(home, addresses, "media-worker")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        told = {**part.environment, "ZM_HTTP_PORT": str(free.getsockname()[1]), MARK: str(home.root)}
    os.execve(part.command[0], part.command, {**os.environ, **told})


@app.command()
def stuck(as_json: Annotated[bool, typer.Option("--json", help="每行一条 / a JSON line each")] = False) -> None:
    """列出已接收却停滞的材料；没有时返回 0，有时返回 1 / List what was accepted and does not go on; exit 1 if any."""
    found = asyncio.run(_stuck())
    if as_json:
        for each in found:
            typer.echo(json.dumps(asdict(each), default=str, ensure_ascii=False))
    elif found:
        out.print(_table(found))
    else:
        out.print("没有停滞的材料 nothing is stuck")
    raise typer.Exit(1 if found else 0)


@app.command()
def heal(
    which: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="列表中的编号 / ids from `stuck`")] = None,
    everything: Annotated[bool, typer.Option("--all", help="全部 / all of them")] = False,
) -> None:
    """让停滞的材料继续，已有结论的不重复 / Bring it on; what has its verdict gets no second. Exit 1 if any stays."""
    if everything == bool(which):
        raise typer.BadParameter("请给出编号，或 --all / name ids, or --all")
    healed, left = asyncio.run(_heal(which or []))
    for each, outcome in healed:
        out.print(f"{KINDS[each.kind]} {each.kind}  {each.id}  {outcome}", markup=False, soft_wrap=True)
    out.print(f"处理 healed: {len(healed)}  仍停滞 still stuck: {left}")
    raise typer.Exit(1 if left else 0)


def _table(found: Sequence[Stuck]) -> Table:
    table = Table("停滞 stuck", Column("编号 id", no_wrap=True), "自 since", "原因 reason")
    for each in found:
        since = f"{each.since:%Y-%m-%d %H:%M:%S}Z" if each.since else "–"
        table.add_row(f"{KINDS[each.kind]} {each.kind}", each.id, since, each.reason[:120])
    return table


async def _queue(follow: bool) -> None:
    async with _media() as parts:
        while True:
            overview = await parts.materials.queue.overview()
            out.print(line(overview), soft_wrap=True)
            if not follow or not (overview.waiting or overview.running):
                return
            await asyncio.sleep(1)


def line(overview: Overview) -> str:
    """The whole queue in one line; how long it will last is told by how long the latest checks took."""
    waiting = {
        task: sum(count for lane, count in overview.waiting.items() if lane.level == level_of(task)) for task in TASKS
    }
    said = [f"{TASKS[task]} {task} {count}" for task, count in waiting.items()]
    said += [f"进行 running {overview.running}", f"暂停 paused {overview.paused}", f"等待人工 held {overview.held}"]
    if overview.waiting:
        said.append(f"最久 oldest {overview.oldest_s:.0f} s")
    at_work, took_s = overview.at_work.get(CHECK, 0), overview.took_s.get(CHECK)
    if waiting["check"] and at_work and took_s is not None:
        said.append(f"约 {waiting['check'] * took_s / at_work:.0f} s 后查完 until all are checked")
    return "  ".join(said)


async def _stuck() -> Sequence[Stuck]:
    async with _media() as parts:
        return await parts.mending.stuck()


async def _heal(which: Sequence[str]) -> tuple[list[tuple[Stuck, str]], int]:
    async with _media() as parts:
        found = [each for each in await parts.mending.stuck() if not which or each.id in which]
        healed = [(each, await parts.mending.heal(each)) for each in found]
        return healed, len(await parts.mending.stuck())


@asynccontextmanager
async def _media() -> AsyncIterator[ApiParts]:
    settings = _settings()
    service = Service("media", settings, process="media-command")
    try:
        yield assemble(service, settings)
    finally:
        await service.client.close()


def _settings() -> Settings:
    """What the running stack's media API is told."""
    told = _part(*_running(), "media-api").environment
    return Settings.model_validate({name.removeprefix("ZM_").lower(): value for name, value in told.items()})


def _part(home: Home, addresses: Addresses, name: str) -> Part:
    return next(part for part in product(home, addresses) if part.name == name)


def _running() -> tuple[Home, Addresses]:
    home = Home.default()
    addresses = Addresses.read(home)
    if addresses is None:
        out.print("未启动，请运行 `zhumeng up` / Not running: `zhumeng up`")
        raise typer.Exit(3)
    return home, addresses
