"""How a run ends on the screen: what happened, whether the ledger holds, and where to look."""

from collections import Counter

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

from contracts.rulebook import Rulebook
from deploy.demo.ledger import Ledger
from deploy.demo.reckoning import Book, Reckoning
from deploy.local.addresses import Addresses
from deploy.local.product import ADMIN

SHOWN = 5


def tell(console: Console, ledger: Ledger, reckoning: Reckoning, seconds: float) -> None:
    """Print both tables and the verdict."""
    console.print(_happened(ledger))
    console.print(_ranking(ledger))
    console.print(_check(reckoning))
    for book in reckoning.books:
        _tell_wrong(console, book)
    for line in (*reckoning.parked[:SHOWN], *reckoning.full_queues[:SHOWN]):
        console.print(f"  {line}", style="red", markup=False)
    counted = (
        f"丢失 lost {reckoning.lost} · 重复 doubled {reckoning.doubled} · 意外 unexpected {reckoning.unexpected} · "
        f"停放 parked {len(reckoning.parked)} · 发件箱等待 outbox waiting {reckoning.waiting} · "
        f"非空队列 queues not empty {len(reckoning.full_queues)} · 重复投递(无效果) repeats {reckoning.repeats}"
    )
    verdict = (
        "[bold green]账实相符 the ledger holds[/]" if reckoning.holds else "[bold red]账实不符 it does not hold[/]"
    )
    console.print(f"{verdict}  {counted}  ({seconds:.0f} s)", soft_wrap=True)


def where_to_look(console: Console, addresses: Addresses, rulebook: Rulebook, ledger: Ledger) -> None:
    """Print the addresses, and how to stop."""
    gateway = addresses.gateway_url
    entry, _ = max(ledger.submissions, key=lambda handed_in: handed_in[1])  # one that came back has more to tell
    console.print("\n看看去 Have a look", style="bold")
    for what, where in (
        ("入口 gateway", f"{gateway}/"),
        ("结果 results", f"{gateway}/api/review/v1/campaigns/{rulebook.id}/results"),
        ("收件箱 inbox", f"{gateway}/api/notify/v1/inbox"),
        ("管理员 national admin", f"{ADMIN} / {addresses.secrets['admin-password']}"),
        ("消息 RabbitMQ", f"{addresses.management_url}/  ops / {addresses.secrets['amqp-ops']}"),
        ("邮件 mail", str(addresses.maildir)),
        ("日志 logs", str(addresses.maildir.with_name("logs"))),
        ("跟踪 one entry's way", f".venv/bin/zhumeng trace {entry}"),
        ("导览 tour", "docs/tour.md"),
        ("停止 stop", "make down"),
        ("停止并删除 stop, wipe", ".venv/bin/zhumeng down --wipe"),
    ):
        console.print(f"  {what}{' ' * (24 - cell_len(what))}{where}", markup=False, soft_wrap=True)


def _happened(ledger: Ledger) -> Table:
    table = Table("发生了什么 What happened", "", box=SIMPLE, padding=(0, 1, 0, 0))
    outcomes = Counter((subject.partition("/")[0], outcome) for subject, _, outcome in ledger.decisions)
    verdicts = Counter(ledger.verdicts.values())
    size = sum(file.size for file in ledger.materials.values()) / 1e6
    for what, many in (
        ("工作室注册 studios registered", len(ledger.studios)),
        (
            "认证通过 / 退回 certified / returned",
            f"{outcomes['studio', 'approved']} / {outcomes['studio', 'returned']}",
        ),
        ("申报 entries", len(ledger.entries)),
        ("材料 packages", f"{len(ledger.materials)}  ({size:.0f} MB)"),
        ("合格 / 建议 / 不合格 pass / advice / fail", " / ".join(str(verdicts[v]) for v in ("pass", "advice", "fail"))),
        ("初筛通过 / 退回 approved / returned", f"{outcomes['entry', 'approved']} / {outcomes['entry', 'returned']}"),
        ("计入的选票 votes counted", len(ledger.ballots)),
        ("重复提交的选票(只计一次) handed in twice, counted once", ledger.ballot_repeats),
        ("未计入的选票 not counted", "，".join(f"{why} {n}" for why, n in ledger.ballots_refused.items()) or 0),
        ("奖项 awards", len(ledger.results.get("awards", ()))),
    ):
        table.add_row(what, str(many))
    return table


def _ranking(ledger: Ledger) -> Table:
    names = ("名次", "工作室 Top studios", "票数 votes")
    table = Table(*(Column(name, no_wrap=True) for name in names), box=SIMPLE, padding=(0, 1, 0, 0))
    for line in ledger.results.get("ranking", ())[:SHOWN]:
        table.add_row(str(line["rank"]), line["studio_name"], str(line["votes"]))
    return table


def _check(reckoning: Reckoning) -> Table:
    numbers = ("应有\ndue", "实有\nfound", "丢失\nlost", "重复\ntwice", "意外\nextra")
    columns = (Column(name, justify="right", no_wrap=True) for name in numbers)
    table = Table(Column("对账 Ledger check", no_wrap=True), *columns, box=SIMPLE, padding=(0, 1, 0, 0))
    for book in reckoning.books:
        counts = (book.acknowledged.total(), book.found.total())
        wrong = (len(book.lost) + len(book.short), len(book.doubled), len(book.unexpected))
        shown = [f"[red]{n}[/]" if n else f"[green]{n}[/]" for n in wrong]
        table.add_row(f"{book.zh} {book.en}", *map(str, counts), *shown)
    return table


def _tell_wrong(console: Console, book: Book) -> None:
    for what, keys in (
        ("丢失 lost", [*book.lost, *book.short]),
        ("重复 doubled", book.doubled),
        ("意外 unexpected", book.unexpected),
    ):
        for key in keys[:SHOWN]:
            console.print(f"  {book.zh} {book.en} · {what}: {key}", style="red", markup=False, soft_wrap=True)
