"""`zhumeng up`, `down`, `status`, `run`: the local stack and its processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.containers import Containers, NoEngine, require_engine
from deploy.containers import stop_at as stop_containers
from deploy.local import leftovers
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import NotReady
from deploy.local.stack import SERVERS, DidNotStart, LocalStack, Told
from deploy.processes import PROCESSES

SAID = {"starting": "启动中 starting", "ready": "[green]就绪 ready[/]"}

out = Console(highlight=False)


def up(
    infra: Annotated[bool, typer.Option("--infra", help="只启动存储与消息服务 / only stores and brokers")] = False,
    docker: Annotated[
        bool, typer.Option("--docker", help="用容器运行 / run from images, with a Docker engine")
    ] = False,
) -> None:
    """启动本地环境，就绪后返回 / Start the local stack and return when everything is ready."""
    try:
        addresses = bring_up_containers() if docker else bring_up(*SERVERS, *([] if infra else PROCESSES)).addresses
    except (DidNotStart, NoEngine) as why:
        out.print("[red]启动失败 did not start[/]")
        out.print(str(why), markup=False, soft_wrap=True)
        raise typer.Exit(1) from why
    _print_addresses(addresses)


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="同时删除全部数据 / also remove all data")] = False,
) -> None:
    """停止本地环境，不留任何进程 / Stop the local stack; no process is left."""
    home = Home.default()
    with out.status("停止中 stopping"):
        stop_containers(home, wipe=wipe)
        killed = LocalStack.stop_at(home)
    if left := leftovers.living(home):
        out.print(f"[red]仍在运行 still running[/]: {left}")
        raise typer.Exit(1)
    for pid, command in killed.items():
        out.print(f"[yellow]已强制结束 had to be killed[/]: {pid} {command}")
    if wipe:
        home.wipe()
    out.print("已停止，无残留进程 stopped, no process left" + ("，数据已删除 data removed" if wipe else ""))


def status() -> None:
    """查看各进程的状态 / Show every process: state, readiness, port, memory."""
    stack = LocalStack.running(Home.default())
    if stack is None:
        out.print("未启动，请运行 `zhumeng up` / Not running: `zhumeng up`")
        raise typer.Exit(3)
    table = Table("进程 process", "状态 state", "就绪 ready", "端口 port", "内存 MB")
    for name, process in stack.supervisor.processes().items():
        memory = f"{leftovers.memory_mb(process.pid):.0f}" if process.pid else ""
        table.add_row(name, process.state.lower(), _readiness(stack, name), str(stack.parts[name].port), memory)
    out.print(table)


def run(name: Annotated[str, typer.Argument(help=" · ".join(PROCESSES))]) -> None:
    """在前台运行一个进程，设置取自环境变量 / Run one process in the foreground, told by its environment."""
    if name not in PROCESSES:
        raise typer.BadParameter(f"没有此进程 no such process; {' · '.join(PROCESSES)}")
    from deploy.run import run as serve  # what a process imports is its own business

    serve(name)


def bring_up(*names: str) -> LocalStack:
    """Start the named parts of the default stack and show how each comes along."""
    stack = LocalStack.open(Home.default())
    with shown() as told:
        stack.start(*names, told=told)
    return stack


def bring_up_containers() -> Addresses:
    """Start the whole product from images and show how each part comes along."""
    require_engine()
    containers = Containers.prepare(Home.default())
    with shown() as told:
        containers.up(told=told)
    return containers.addresses


@contextmanager
def shown() -> Iterator[Told]:
    """A line per part on the terminal, which what is yielded brings up to date."""
    columns = (SpinnerColumn(), TextColumn("{task.fields[part]:<14}"), TextColumn("{task.description}"))
    with Progress(*columns, TimeElapsedColumn(), console=out) as progress:
        lines: dict[str, TaskID] = {}

        def told(name: str, what: str) -> None:
            if name not in lines:
                lines[name] = progress.add_task("", part=name, total=1)
            progress.update(lines[name], description=SAID[what], completed=int(what == "ready"))

        yield told


def _readiness(stack: LocalStack, name: str) -> str:
    try:
        stack.parts[name].ready()
    except NotReady:
        return "[red]否 no[/]"
    return "[green]是 yes[/]"


def _print_addresses(addresses: Addresses) -> None:
    table = Table(show_header=False, box=None)
    table.add_row("入口 gateway", f"[link]{addresses.gateway_url}[/link]")
    table.add_row("RabbitMQ", f"{addresses.management_url}  ops / {addresses.secrets['amqp-ops']}")
    table.add_row("MongoDB", addresses.mongo_url)
    table.add_row("S3", f"{addresses.s3.endpoint}  {addresses.s3.bucket}")
    table.add_row("邮件 mail", str(addresses.maildir))
    table.add_row("日志 logs", str(addresses.maildir.with_name("logs")))
    out.print(table)
