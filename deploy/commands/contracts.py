"""`zhumeng contracts`: generate the schemas and pages of the events, or check that they are current."""

from pathlib import Path
from typing import Annotated

import typer

from deploy.contracts.compatibility import MEND
from deploy.contracts.files import ROOT, broken, differing, write
from deploy.contracts.hearers import hearers

Project = Annotated[Path, typer.Option("--project", help="项目所在目录 / folder of the project")]
app = typer.Typer(no_args_is_help=True, help="事件契约：生成、核对 / Event contracts: generate, check")


@app.command()
def generate(
    accept_breaks: Annotated[
        bool,
        typer.Option(
            "--accept-breaks",
            help="尚无人使用时才可覆盖不兼容的改动 / overwrite although old messages or hearers break",
        ),
    ] = False,
    project: Project = ROOT,
) -> None:
    """由代码生成契约文件 / Generate the schemas, asyncapi.yaml and docs/events.md from the code."""
    lines = [] if accept_breaks else broken(project)
    if lines:
        refuse(
            "改动与已提交的契约不兼容，请在旧类旁另立 `.v2`",
            "These changes break the committed contracts; declare a `.v2` beside them",
            lines,
        )
    write(hearers(), project)
    typer.echo("契约文件已更新 / Contract files are current")


@app.command()
def check(project: Project = ROOT) -> None:
    """核对已提交的文件是否与代码一致 / Check that the committed files are what the code says."""
    breaking = broken(project)
    if breaking:
        refuse("改动与已提交的契约不兼容", f"These changes break the committed contracts: {MEND}", breaking)
    lines = differing(hearers(), project)
    if lines:
        refuse(
            "契约文件与代码不一致，请运行 `make schemas`",
            "Contract files differ from the code: run `make schemas`",
            lines,
        )
    typer.echo("契约文件与代码一致 / Contract files match the code")


def refuse(chinese: str, english: str, lines: list[str]) -> None:
    """Say what is wrong, line by line, and end with 1."""
    typer.echo("\n".join([chinese, english, *(f"  {line}" for line in lines)]), err=True)
    raise typer.Exit(1)
