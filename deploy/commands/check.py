"""`zhumeng check`: what the platform would say about a package, without the platform."""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from contracts.events.media import Finding
from contracts.ids import CampaignId, SlotId, TrackId
from contracts.rulebook import SHIPPED, Rulebook, RulebookRefused, Slot, load_all
from services.media.inspect.disk import DiskSource
from services.media.inspect.models import Document, Embedded, File, Image, PackageFacts, Verdict, Video
from services.media.inspect.probe import measure
from services.media.inspect.rules import judge

WRONG_USE = 2
"""Wrong use, or a fault of the operator's machine: nothing is said about the file."""
OUTCOMES = {"pass": "[green]通过 pass[/]", "advice": "[yellow]通过，有建议 advice[/]", "fail": "[red]不通过 fail[/]"}

out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="要检查的文件 / files to check")],
    campaign: Annotated[str, typer.Option("--campaign", help="活动 / campaign id")],
    slot: Annotated[str, typer.Option("--slot", help="材料位 / slot id")],
    track: Annotated[str | None, typer.Option("--track", help="申报类别 / track id, where slots share an id")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="每个文件一行 JSON / one JSON line per file")] = False,
    rulebooks: Annotated[
        Path, typer.Option("--rulebooks", help="规则文件夹 / folder of rulebooks", show_default="随项目提供")
    ] = SHIPPED,
) -> None:
    """离线检查材料包 / Check packages offline. 0: pass or advice; 1: fail; 2: wrong use or a fault of the machine."""
    rulebook, rules = _rules(rulebooks, campaign, track, slot)
    raise typer.Exit(asyncio.run(_check_all(files, rulebook, rules, as_json)))


async def _check_all(files: Sequence[Path], rulebook: Rulebook, slot: Slot, as_json: bool) -> int:
    return max([await _check(file, rulebook, slot, as_json) for file in files])


async def _check(file: Path, rulebook: Rulebook, slot: Slot, as_json: bool) -> int:
    """Check one file and say what was found; whatever goes wrong in that is the machine's fault and no verdict."""
    try:
        facts = await _measure(file, slot)
        verdict = judge(facts, slot)
        if as_json:
            _line(_report(facts, verdict, rulebook, slot))
        else:
            _print(file, facts, verdict)
    except Exception as error:  # noqa: BLE001 # the exit status Python has for it would say that the file fails
        return _not_checked(file, error, as_json)
    return int(verdict.outcome == "fail")


def _not_checked(file: Path, error: Exception, as_json: bool) -> int:
    why = f"{file}: {error.strerror or error if isinstance(error, OSError) else repr(error)}"
    err.print(f"[red]未能检查 not checked[/] {escape(_printable(why))}")
    if as_json:
        with contextlib.suppress(OSError):  # it may be the very output that cannot be written
            _line({"verdict": None, "error": why})
    return WRONG_USE


def _line(said: dict[str, Any]) -> None:
    typer.echo(_printable(json.dumps(said, ensure_ascii=False)))


def _printable(text: str) -> str:
    """The text with what is no letter escaped: the name of a file on the disk may be in no encoding at all."""
    return text.encode(errors="backslashreplace").decode()


async def _measure(file: Path, slot: Slot) -> PackageFacts:
    with DiskSource(file) as source:
        return await measure(source, slot, file.name)


def _rules(folder: Path, campaign: str, track: str | None, slot: str) -> tuple[Rulebook, Slot]:
    """The rulebook and the slot meant; ends with 2 where they are not to be found."""
    try:
        rulebook = load_all(folder)[CampaignId(campaign)]
    except RulebookRefused as refused:
        raise _wrong(str(refused)) from refused
    except KeyError as unknown:
        raise _wrong(f"没有这个活动 no such campaign: {campaign}") from unknown
    tracks = [each for each in rulebook.tracks if track is None or each.id == TrackId(track)]
    found = [each for one in tracks for each in one.slots if each.id == SlotId(slot)]
    if len(found) != 1:
        known = ", ".join(f"--track {one.id} --slot {each.id}" for one in rulebook.tracks for each in one.slots)
        raise _wrong(f"请指明材料位 name one slot of: {known}")
    return rulebook, found[0]


def _wrong(why: str) -> typer.Exit:
    err.print(escape(why))
    return typer.Exit(WRONG_USE)


def _print(file: Path, facts: PackageFacts, verdict: Verdict) -> None:
    out.print(f"{escape(_printable(str(file)))}  {OUTCOMES[verdict.outcome]}")
    for finding in verdict.findings:
        mark = "[green]✓[/]" if finding.ok else "[red]✗[/]" if finding.level == "required" else "[yellow]![/]"
        out.print(f"  {mark} {escape(finding.message.zh)} [dim]{escape(finding.message.en)}[/]")
        if not finding.ok:
            out.print(f"    → {escape(finding.mend.zh)} [dim]{escape(finding.mend.en)}[/]")
    out.print(f"  [dim]{facts.size} B  SHA-256 {facts.sha256}[/]")


def _report(facts: PackageFacts, verdict: Verdict, rulebook: Rulebook, slot: Slot) -> dict[str, Any]:
    return {
        "verdict": verdict.outcome,
        "campaign": rulebook.id,
        "slot": slot.id,
        "revision": rulebook.revision,
        "sha256": facts.sha256,
        "size": facts.size,
        "findings": [_finding(finding) for finding in verdict.findings],
        "contents": [_content(file) for file in facts.files or ()],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(mode="json")


def _content(file: File) -> dict[str, Any]:
    """A file of the package with what was measured in it."""
    return {"name": file.name, "size": file.size, "format": file.format, "family": file.family, **_measured(file)}


def _measured(file: File) -> dict[str, Any]:
    match file.content:
        case Video() as video:
            return {
                "codec": video.codec,
                "coded": list(video.coded),
                "shown": list(video.shown),
                "seconds": video.duration.total_seconds(),
                "audio": video.audio,
            }
        case Image(shown=shown):
            return {"shown": list(shown)}
        case Document() as document:
            return {"characters": document.characters, "pictures": _pictures(document.pictures)}
        case None:
            return {}


def _pictures(pictures: Iterable[Embedded]) -> list[dict[str, Any]]:
    return [{"name": each.name, "format": each.format, "shown": each.shown and list(each.shown)} for each in pictures]
