"""`zhumeng demo`: one campaign from registration to published results on the local stack, and the ledger check."""

import asyncio
import time
from typing import Annotated, Final

import httpx
import typer
from rich.console import Console

from deploy.demo import ending
from deploy.demo.campaign import Story
from deploy.demo.drain import drained, notices_sent
from deploy.demo.ledger import Ledger
from deploy.demo.plan import plan
from deploy.demo.reckoning import Reckoning, notices_of, reckon
from deploy.demo.show import Show, shown
from deploy.demo.stack import Ready, entered, prepare
from deploy.demo.units import units
from deploy.demo.world import Denied, Stage
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.product import ADMIN
from deploy.local.stack import DidNotStart

out = Console(highlight=False)
SETTLE_S = 20.0
MOST_STUDIOS: Final = 77
SMALLEST: Final = 0.45
"""The part of the calendar that even a handful of studios needs."""


def demo(
    studios: Annotated[
        int, typer.Option(min=2, max=MOST_STUDIOS, help="多少家单位参加 / how many units take part")
    ] = MOST_STUDIOS,
    ballots: Annotated[int, typer.Option(min=1, help="多少张选票 / how many ballots are handed in")] = 2000,
    pace: Annotated[float, typer.Option(min=1, max=20, help="日程再放慢几倍 / slow the calendar down")] = 1.0,
) -> None:
    """完整演练一次活动并对账 / Run one whole campaign on the local stack and hold the ledger against every store."""
    began = time.monotonic()
    try:
        ready, ledger, reckoning = asyncio.run(_run(studios, ballots, pace))
    except* (DidNotStart, Denied, httpx.HTTPError, TimeoutError, AssertionError) as why:
        for each in _leaves(why):
            out.print(f"[red]演练中断 the demo broke off[/]: {type(each).__name__}: {each}", soft_wrap=True)
        out.print("机器忙或较慢时可加 --pace 2。 On a busy or slower machine: `zhumeng demo --pace 2`")
        raise typer.Exit(1) from None
    ending.tell(out, ledger, reckoning, time.monotonic() - began)
    ending.where_to_look(out, ready.addresses, ready.rulebook, ledger)
    raise typer.Exit(0 if reckoning.holds else 1)


async def _run(studios: int, ballots: int, pace: float) -> tuple[Ready, Ledger, Reckoning]:
    with shown("筑梦 Zhumeng · 2023年云上工作室主题活动演练", out) as show:
        ready = await prepare(Home.default(), show, pace * max(SMALLEST, studios / MOST_STUDIOS))
        ledger = Ledger(ready.rulebook.id)
        admin = (ADMIN, ready.addresses.secrets["admin-password"])
        plans = plan(units(studios), ready.rulebook)
        async with entered(ready.addresses) as world:
            stage = Stage(world, ready.rulebook, ledger, show)
            await Story(stage, ready.packages, plans, ballots, admin).run()
        await _told(ready.addresses, ledger, show)
        return ready, ledger, await _checked(ready.addresses, ledger, show)


async def _told(addresses: Addresses, ledger: Ledger, show: Show) -> None:
    """Wait until everybody has been told, for as long as that may take."""
    expected, sent = notices_of(ledger).total(), 0
    show.expect("notify", expected)
    until = time.monotonic() + SETTLE_S
    while sent < expected and time.monotonic() < until:
        now = await notices_sent(addresses, ledger)
        for _ in range(now - sent):
            show.step("notify")
        sent = now
        await asyncio.sleep(0.3)


async def _checked(addresses: Addresses, ledger: Ledger, show: Show) -> Reckoning:
    """Hold the ledger against the drain, again while things are still settling."""
    show.expect("ledger", 1)
    show.say("对账：MongoDB、S3、队列、事件流", "the ledger against every store, queue and stream")
    until = time.monotonic() + SETTLE_S
    while True:
        found = reckon(ledger, await drained(addresses, ledger))
        if found.holds or time.monotonic() > until:
            show.step("ledger")
            return found
        await asyncio.sleep(1)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for each in group.exceptions
        for leaf in (_leaves(each) if isinstance(each, BaseExceptionGroup) else [each])
    ]
