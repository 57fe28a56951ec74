"""`zhumeng media`: uploads that were accepted and do not go on, and what brings them on."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from chassis.service import Service
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.product import product
from services.media.app import assemble
from services.media.intake.mending import Kind, Mending, Stuck
from services.media.settings import Settings

app = typer.Typer(no_args_is_help=True, help="材料的检查队列 / uploads and their checks")
out = Console(highlight=False)
KINDS: Final[Mapping[Kind, str]] = {
    "completing": "入库未完成",
    "unqueued": "未进入队列",
    "held": "等待人工",
    "put_off": "平台故障",
    "unattended": "无检查进程",
}


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
    table = Table("停滞 stuck", "编号 id", "自 since", "原因 reason")
    for each in found:
        since = f"{each.since:%Y-%m-%d %H:%M:%S}Z" if each.since else "–"
        table.add_row(f"{KINDS[each.kind]} {each.kind}", each.id, since, each.reason[:120])
    return table


async def _stuck() -> Sequence[Stuck]:
    async with _mending() as mending:
        return await mending.stuck()


async def _heal(which: Sequence[str]) -> tuple[list[tuple[Stuck, str]], int]:
    async with _mending() as mending:
        found = [each for each in await mending.stuck() if not which or each.id in which]
        healed = [(each, await mending.heal(each)) for each in found]
        return healed, len(await mending.stuck())


@asynccontextmanager
async def _mending() -> AsyncIterator[Mending]:
    home = Home.default()
    addresses = Addresses.read(home)
    if addresses is None:
        out.print("未启动，请运行 `zhumeng up` / Not running: `zhumeng up`")
        raise typer.Exit(3)
    told = next(part.environment for part in product(home, addresses) if part.name == "media-api")
    settings = Settings.model_validate({name.removeprefix("ZM_").lower(): value for name, value in told.items()})
    service = Service("media", settings, process="media-stuck")
    try:
        yield assemble(service, settings).mending
    finally:
        await service.client.close()
