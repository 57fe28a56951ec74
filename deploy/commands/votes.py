"""`zhumeng votes`: the ballots are the truth, and anybody who may read them can count them again."""

import asyncio
import errno
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich import filesize
from rich.console import Console

from chassis.identity import JwksKeys, Keys
from chassis.mongo import connect
from chassis.partitions import Partitions
from chassis.refusal import Unavailable
from chassis.signing import verified
from chassis.streams import Place
from contracts.canonical import canonical_json
from contracts.ids import CampaignId
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.progress import progress
from deploy.votestream import NAME, numbered_votes
from services.voting import rules
from services.voting.inquiries.models import Active
from services.voting.inquiries.store import InquiryStore
from services.voting.models import ClosedTally, Tally
from services.voting.rulings.store import RulingStore
from services.voting.store import VotingStore
from services.voting.telling import books
from services.voting.telling.store import Shelf

app = typer.Typer(no_args_is_help=True, help="选票 / votes")
out = Console(highlight=False)
DATABASE = "zhumeng_voting"
Signed = Literal["valid", "invalid", "missing", "unknown"]
SIGNED: Final[dict[Signed, tuple[str, int]]] = {
    "valid": ("[green]签名有效 the signature is valid[/]", 0),
    "invalid": ("[red]签名无效 the signature is not valid[/]", 1),
    "missing": ("[red]没有签名 it is not signed[/]", 1),
    "unknown": ("[yellow]公钥无法读取，签名未核验 the keys cannot be read, the signature was not verified[/]", 3),
}
"""What is said of a closed tally's signature, and the exit code."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

From = Annotated[str, typer.Option("--from", help="first、last、位置或时间 / first, last, an offset or a time")]
StreamUrl = Annotated[str | None, typer.Option("--stream", help="默认本地环境 / the local stack's by default")]


@app.callback()
def votes() -> None:
    """选票 / Votes."""


@app.command()
def recount(
    campaign: Annotated[str, typer.Option("--campaign", help="活动编号 / id of the campaign")],
    mongo: Annotated[str | None, typer.Option("--mongo", help="默认本地环境 / the local stack's by default")] = None,
    keys: Annotated[str | None, typer.Option("--keys", help="公钥地址，同上 / where the keys are, as above")] = None,
    show: Annotated[bool, typer.Option("--show", help="输出计票结果的原始字节 / print the tally's bytes")] = False,
) -> None:
    """由选票重新计票，逐字节比较，核验签名 / Count the ballots anew, compare byte by byte, verify the signature."""
    counted = asyncio.run(count_anew(mongo or str(_local().mongo_url), DATABASE, CampaignId(campaign)))
    if not counted.anew.votes and not counted.tally.votes:
        out.print(f"{campaign} 没有选票 has no ballots", markup=False)
        raise typer.Exit(2)
    if show:
        typer.echo(rules.canonical(counted.anew.entries))
        raise typer.Exit(0 if counted.agree else 1)
    out.print(f"选票 ballots      {counted.anew.votes}  待查 held {counted.held}  作废 voided {counted.voided}")
    out.print(f"重新计票 recount  {rules.digest(counted.anew.entries)}")
    state = "已封存 closed    " if counted.closed else "计票中 not closed"
    out.print(f"{state} {rules.digest(counted.tally.entries)}  {counted.tally.votes}")
    out.print("[green]一致 the same[/]" if counted.agree else "[red]不一致 they differ[/]")
    for line in counted.differences():
        out.print(line, markup=False)
    code = _told_of_signature(counted.tally, keys) if isinstance(counted.tally, ClosedTally) else 0
    raise typer.Exit(code if counted.agree else 1)


def _told_of_signature(tally: ClosedTally, keys: str | None) -> int:
    said, code = SIGNED[asyncio.run(signature_of(tally, JwksKeys(keys or _local().keys_url)))]
    out.print(said)
    return code


@app.command()
def active(
    campaign: Annotated[str, typer.Option("--campaign", help="活动编号 / id of the campaign")],
    channel: Annotated[str, typer.Option("--channel", help="渠道 / the channel")],
    limit: Annotated[int, typer.Option("--limit", help="多少名 / how many voters", min=1)] = 100,
    mongo: Annotated[str | None, typer.Option("--mongo", help="默认本地环境 / the local stack's by default")] = None,
) -> None:
    """列出一个渠道计入票数最多的投票人：票数、首张选票编号、渠道自己的随机码，只有该渠道知道是谁。

    List a channel's voters with the most votes that count: votes, the id and the channel's nonce of the first of them.
    Only the channel knows whose they are.
    """
    found = asyncio.run(_active(mongo or str(_local().mongo_url), CampaignId(campaign), channel, limit))
    if not found:
        out.print(f"{campaign} {channel} 没有计入的选票 has no votes", markup=False)
        raise typer.Exit(2)
    for each in found:
        typer.echo(f"{each.votes:>6}  {each.ballot}  {each.nonce or ''}")


async def _active(url: str, campaign: CampaignId, channel: str, limit: int) -> list[Active]:
    client = connect(url)
    try:
        return await InquiryStore(client[DATABASE]).active(campaign, channel, limit)
    finally:
        await client.close()


@app.command()
def tail(
    start: From = "last",
    follow: Annotated[bool, typer.Option("--follow", help="持续输出 / go on as votes come")] = False,
    stream: StreamUrl = None,
) -> None:
    """输出选票流，每行一票 / Print the vote stream, a JSON line each with the vote's offset, and the partition that
    is of where it is not `zhumeng.votes` itself.
    """
    try:
        asyncio.run(_print(stream or _local().stream_urls["analytics"], _place(start), follow))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None
    except ConnectionError as error:
        raise _away(error) from None


def _away(error: ConnectionError) -> typer.Exit:
    out.print(f"选票流无法连接 The stream cannot be reached (`zhumeng status`): {error}", markup=False)
    return typer.Exit(3)


async def _print(url: str, start: Place, follow: bool) -> None:
    async with aclosing(numbered_votes(url, start, follow)) as numbered:
        async for partition, offset, vote in numbered:
            lies = f'"offset":{offset}' if partition == NAME else f'"partition":"{partition}","offset":{offset}'
            typer.echo(f"{{{lies},{vote.model_dump_json()[1:]}")


def _place(written: str) -> Place:
    """An offset, a time or one of the two words; BadParameter for anything else."""
    if written in ("first", "last"):
        return written
    if written.isascii() and written.isdecimal():
        return int(written)
    try:
        return datetime.fromisoformat(written).astimezone()
    except ValueError:
        raise typer.BadParameter(f"{written}: first, last, 12345, 2023-09-10T12:00+08:00") from None


@app.command()
def export(
    to: Annotated[Path, typer.Option("--to", help="要写的文件 / the file to write", dir_okay=False)],
    start: From = "first",
    campaign: Annotated[str | None, typer.Option("--campaign", help="只要一项活动 / of this campaign only")] = None,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有文件 / replace a file that is there")] = False,
    stream: StreamUrl = None,
) -> None:
    """把此刻选票流中的选票写成 Parquet 文件，每票一次 / Write the votes there are into a Parquet file, each once."""
    from deploy.voteexport import export_votes, whole  # pyarrow's price is paid by whoever exports

    if not to.absolute().parent.is_dir():
        raise typer.BadParameter(f"没有这个文件夹 There is no folder {to.absolute().parent}", param_hint="--to")
    if to.exists() and not force:
        raise typer.BadParameter(f"{to} 已存在，覆盖请加 --force / exists, --force replaces it", param_hint="--to")
    url, place = stream or _local().stream_urls["analytics"], _place(start)
    try:
        with whole(to, force) as file, progress(out, "导出 exporting") as told:
            written = asyncio.run(export_votes(url, place, CampaignId(campaign) if campaign else None, file, told))
    except ConnectionError as error:
        raise _away(error) from None
    except OSError as error:
        why = "空间不足 no room" if error.errno in NO_ROOM else f"无法写入 cannot be written: {error.strerror or error}"
        out.print(f"{to} {why}; 没有留下文件 nothing was left behind", markup=False, soft_wrap=True)
        raise typer.Exit(1) from None
    size = filesize.decimal(to.stat().st_size)
    said = f"{to}  {written.votes} 票 votes  {size}  略去重复 repeats left out {written.repeats}"
    out.print(said, markup=False, soft_wrap=True)


@app.command()
def rebuild(
    yes: Annotated[
        bool, typer.Option("--yes", help="确认删除并重建 / yes, delete the stream and make it anew")
    ] = False,
    partitions: Annotated[
        int, typer.Option("--partitions", help="分区数，默认不变 / how many; as there are by default", min=0)
    ] = 0,
) -> None:
    """由选票重建本地环境的选票流 / Make the local stack's vote stream anew from the ballots, and count it again.

    投票接口须先停止 / voting-api must be stopped first: `zhumeng down` and start the servers alone. It is the way to
    fewer partitions: start voting with the same number in `ZM_VOTE_PARTITIONS` afterwards.
    """
    if not yes:
        out.print("将删除选票流并由选票重建，请加 --yes / This deletes the stream and makes it anew: add --yes")
        raise typer.Exit(2)
    addresses = _local()
    stream = Partitions(addresses.stream_urls["ops"], NAME, addresses.amqp_urls["ops"], partitions)
    try:
        done = asyncio.run(rebuilt(str(addresses.mongo_url), DATABASE, stream))
    except ConnectionError as error:
        raise _away(error) from None
    if not done:
        out.print(
            "投票接口仍在运行，请先停止 / voting-api still runs, or stopped within the last seconds: stop it first"
        )
        raise typer.Exit(1)


async def rebuilt(mongo_url: str, name: str, stream: Partitions) -> bool:
    """Make the stream anew, and forget what was counted of it; False where voting-api runs."""
    client = connect(mongo_url)
    database = client[name]
    shelf, store = Shelf(database), VotingStore(database)
    try:
        if not await shelf.clear():
            return False
        await stream.make_anew()
        await store.forget_counts()
        done, total = 0, await store.count_all()
        with progress(out, "重建 rebuilding") as told:
            async for appended in books.rebuild(shelf, stream):
                done += appended
                told(done, total)
        return True
    finally:
        await stream.stop()
        await client.close()


@dataclass(frozen=True)
class Counted:
    """The tally made anew from the ballots, beside the one that is shown."""

    anew: Tally
    tally: Tally
    held: int = 0
    """Ballots nobody decided on, and such as were voided: kept, and not counted."""
    voided: int = 0

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
        store, rulings = VotingStore(client[database]), RulingStore(client[database])
        tally = await store.closed(campaign) or await store.live(campaign)
        held, voided = await rulings.amount(campaign, "held"), await rulings.amount(campaign, "voided")
        return Counted(await store.recount(campaign), tally, held, voided)
    finally:
        await client.close()


async def signature_of(tally: ClosedTally, keys: Keys) -> Signed:
    """Whether a published key signed the closed tally as it is kept."""
    if tally.signature is None:
        return "missing"
    try:
        said = await verified(tally.signature, rules.SIGNED_AS, keys)
    except Unavailable:
        return "unknown"
    return "valid" if said == canonical_json(rules.statement(tally)) else "invalid"


def _local() -> Addresses:
    addresses = Addresses.read(Home.default())
    if addresses is None:
        out.print("本地环境未启动过，请给出地址 / No local stack was started here: give the address")
        raise typer.Exit(3)
    return addresses
