"""`zhumeng votes`: the ballots are the truth, and anybody who may read them can count them again."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console

from chassis.mongo import connect
from contracts.ids import CampaignId
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from services.voting import rules
from services.voting.models import ClosedTally, Tally
from services.voting.store import VotingStore

app = typer.Typer(no_args_is_help=True, help="选票 / votes")
out = Console(highlight=False)
DATABASE = "zhumeng_voting"


@app.callback()
def votes() -> None:
    """选票 / Votes."""


@app.command()
def recount(
    campaign: Annotated[str, typer.Option("--campaign", help="活动编号 / id of the campaign")],
    mongo: Annotated[str | None, typer.Option("--mongo", help="默认本地环境 / the local stack's by default")] = None,
    show: Annotated[bool, typer.Option("--show", help="输出计票结果的原始字节 / print the tally's bytes")] = False,
) -> None:
    """由选票重新计票，与已公布的计票逐字节比较 / Count the ballots anew and compare with the tally, byte by byte."""
    counted = asyncio.run(count_anew(mongo or _local_mongo(), DATABASE, CampaignId(campaign)))
    if not counted.anew.votes and not counted.tally.votes:
        out.print(f"{campaign} 没有选票 has no ballots", markup=False)
        raise typer.Exit(2)
    if show:
        typer.echo(rules.canonical(counted.anew.entries))
        raise typer.Exit(0 if counted.agree else 1)
    out.print(f"选票 ballots      {counted.anew.votes}")
    out.print(f"重新计票 recount  {rules.digest(counted.anew.entries)}")
    state = "已封存 closed    " if counted.closed else "计票中 not closed"
    out.print(f"{state} {rules.digest(counted.tally.entries)}  {counted.tally.votes}")
    out.print("[green]一致 the same[/]" if counted.agree else "[red]不一致 they differ[/]")
    for line in counted.differences():
        out.print(line, markup=False)
    raise typer.Exit(0 if counted.agree else 1)


@dataclass(frozen=True)
class Counted:
    """The tally made anew from the ballots, beside the one that is shown."""

    anew: Tally
    tally: Tally

    @property
    def closed(self) -> bool:
        """Whether the tally that is shown is frozen."""
        return isinstance(self.tally, ClosedTally)

    @property
    def agree(self) -> bool:
        """Whether both are the same bytes."""
        return rules.canonical(self.anew.entries) == rules.canonical(self.tally.entries)

    def differences(self) -> list[str]:
        """The entries counted differently."""
        ballots = {each.entry: each.votes for each in self.anew.entries}
        tallied = {each.entry: each.votes for each in self.tally.entries}
        different = sorted(entry for entry in ballots | tallied if ballots.get(entry) != tallied.get(entry))
        return [f"  {entry}: ballots {ballots.get(entry, 0)}, tally {tallied.get(entry, 0)}" for entry in different]


async def count_anew(url: str, database: str, campaign: CampaignId) -> Counted:
    """Count the ballots of a campaign, and read the tally there is."""
    client = connect(url)
    try:
        store = VotingStore(client[database])
        return Counted(await store.recount(campaign), await store.closed(campaign) or await store.live(campaign))
    finally:
        await client.close()


def _local_mongo() -> str:
    addresses = Addresses.read(Home.default())
    if addresses is None:
        out.print("本地环境未启动过，请给出 --mongo / No local stack was started here: give --mongo")
        raise typer.Exit(3)
    return str(addresses.mongo_url)
