"""`zhumeng rulebook`: check rulebooks before they are put in force, and read those that are."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from contracts.ids import CampaignId
from contracts.rulebook import SHIPPED, Rulebook, RulebookRefused, Rulebooks, load, load_all

app = typer.Typer(no_args_is_help=True, help="活动规则：检查、查看 / Rulebooks: check, show")

Folder = Annotated[Path, typer.Option("--from", help="规则文件夹 / Folder the rulebooks lie in")]


@app.command()
def check(files: Annotated[list[Path], typer.Argument(help="规则文件 / Rulebook files")]) -> None:
    """检查规则文件，列出全部问题。 / Check rulebooks and list everything that is wrong with them."""
    refused = [file for file in files if not _holds(file)]
    raise typer.Exit(1 if refused else 0)


def _holds(file: Path) -> bool:
    try:
        rulebook = load(file)
    except RulebookRefused as refused:
        for problem in refused.problems:
            typer.echo(str(problem), err=True)
        typer.echo(
            f"{file}: 未通过，{len(refused.problems)} 处问题 / refused, problems: {len(refused.problems)}", err=True
        )
        return False
    typer.echo(f"{file}: 通过 / ok  {rulebook.id}  {rulebook.revision}")
    return True


@app.command()
def show(
    campaign: Annotated[str, typer.Argument(metavar="ID", help="活动编号 / Id of the campaign")],
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / Print as JSON")] = False,
    folder: Folder = SHIPPED,
) -> None:
    """显示一项活动的规则。 / Show the rules of a campaign."""
    rulebook = _found(campaign, folder)
    if as_json:
        said = {"revision": rulebook.revision, "rulebook": rulebook.model_dump(mode="json")}
        typer.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    console = Console()
    console.print(f"[bold]{rulebook.title.zh}[/]\n{rulebook.title.en}\n{rulebook.id}  {rulebook.revision}")
    for table in (_phases(rulebook), _materials(rulebook), _signals(rulebook), _awards(rulebook)):
        console.print(table)


def _found(campaign: str, folder: Path) -> Rulebook:
    try:
        rulebooks: Rulebooks = load_all(folder)
    except RulebookRefused as refused:
        typer.echo(str(refused), err=True)
        raise typer.Exit(1) from refused
    if (rulebook := rulebooks.get(CampaignId(campaign))) is None:
        typer.echo(f"没有活动 {campaign}。已有 / No such campaign, there are: {', '.join(rulebooks)}", err=True)
        raise typer.Exit(1)
    return rulebook


def _table(title: str, *names: str) -> Table:
    """Folded rather than cut: half a deadline is none."""
    return Table(*(Column(name, overflow="fold") for name in names), title=title, title_justify="left")


def _phases(rulebook: Rulebook) -> Table:
    table = _table("阶段 Phases", "阶段 phase", "开始 opens", "截止 closes", "待确认 assumed")
    for phase in rulebook.phases:
        table.add_row(f"{phase.title.zh} {phase.id}", str(phase.opens), str(phase.closes), "是 yes" * phase.assumed)
    return table


def _materials(rulebook: Rulebook) -> Table:
    table = _table("材料 Material", "材料 slot", "规则 rule", "级别 level", "要求 wanted")
    for track in rulebook.tracks:
        for slot in track.slots:
            for rule, limit in slot.limits():
                wanted = limit.model_dump(mode="json", exclude_defaults=True, exclude={"level"})
                text = "  ".join(f"{name} {_words(value)}" for name, value in wanted.items())
                table.add_row(f"{track.title.zh} {track.id}/{slot.id}", rule, limit.level, text)
    return table


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _signals(rulebook: Rulebook) -> Table:
    table = _table("异常信号 Signals", "信号 signal", "种类 kind", "留票 holds", "待确认 assumed")
    signals = rulebook.voting and rulebook.voting.signals
    for rule in signals.rules if signals else ():
        holds = rule.model_dump(mode="json", exclude={"id", "kind", "title"})
        text = "  ".join(f"{name} {value}" for name, value in holds.items())
        table.add_row(f"{rule.title.zh} {rule.id}", rule.kind, text, "是 yes" * bool(signals and signals.assumed))
    return table


def _awards(rulebook: Rulebook) -> Table:
    table = _table("奖项 Awards", "奖项 award", "授予 to", "依据 basis", "数量 count")
    for award in rulebook.awards:
        table.add_row(f"{award.title.zh} {award.id}", award.to, award.basis.kind, str(award.count or ""))
    return table
