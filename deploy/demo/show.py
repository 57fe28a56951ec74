"""What people see of a run: one live panel in a terminal, plain lines anywhere else."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

STAGES: Final = {
    "start": ("启动环境", "start the stack"),
    "register": ("工作室注册", "studios register"),
    "certify": ("省级认证", "province certifies"),
    "enter": ("开启申报", "entries opened"),
    "upload": ("分片上传", "packages uploaded"),
    "check": ("材料检查", "packages checked"),
    "submit": ("提交申报", "entries handed in"),
    "screen": ("省级初筛", "province screens"),
    "shown": ("公开展示", "entries are shown"),
    "vote": ("公众投票", "the public votes"),
    "publish": ("计票公布", "tally and results"),
    "notify": ("通知到人", "people are told"),
    "ledger": ("对账", "ledger check"),
}
NOTES: Final = {
    "studio-returned": ("certify", "退回 returned"),
    "entry-returned": ("screen", "退回 returned"),
    "wrong": ("check", "不合格 wrong"),
}
"""Things counted beside a stage's progress."""
PARTS: Final = {"studio-approved": "certify", "entry-approved": "screen"}
LINES: Final = 7
STEPS_A_LINE: Final = 0.25


class Show(Protocol):
    """Told what happens as it happens."""

    def expect(self, stage: str, total: int) -> None:
        """A stage has begun; it is done after so many steps."""

    def step(self, stage: str, *, mega: float = 0.0) -> None:
        """One step of a stage, or one of the things counted beside it; `mega`: bytes moved, in MB."""

    def say(self, zh: str, en: str) -> None:
        """Something worth reading just happened."""

    def clock(self, zh: str, until: float) -> None:
        """What is awaited, and the Unix time it comes at."""


@dataclass
class Progress:
    """How far one stage has come."""

    total: int | None = None
    done: int = 0
    mega: float = 0.0
    began: float = 0.0
    ended: float | None = None


class Counted:
    """Counts for whoever shows them."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.stages = {name: Progress() for name in STAGES}
        self.notes = dict.fromkeys(NOTES, 0)
        self.lines: deque[tuple[str, str]] = deque(maxlen=LINES)
        self.awaited: tuple[str, float] | None = None

    def expect(self, stage: str, total: int) -> None:
        known = self.stages[stage]
        known.total, known.began = total, known.began or time.monotonic()

    def step(self, stage: str, *, mega: float = 0.0) -> None:
        if stage in self.notes:
            self.notes[stage] += 1
            return
        known = self.stages[PARTS.get(stage, stage)]
        known.done += 1
        known.mega += mega
        known.began = known.began or time.monotonic()
        if known.total is not None and known.done >= known.total:
            known.ended = time.monotonic()

    def say(self, zh: str, en: str) -> None:
        self.lines.append((zh, en))

    def clock(self, zh: str, until: float) -> None:
        self.awaited = (zh, until)

    def note(self, stage: str) -> str:
        """What is counted beside a stage."""
        known = self.stages[stage]
        said = [f"{text} {self.notes[name]}" for name, (of, text) in NOTES.items() if of == stage and self.notes[name]]
        return " · ".join([*([f"{known.mega:.0f} MB"] if known.mega else []), *said])


class LivePanel(Counted):
    """The panel of a terminal."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._spinner = Spinner("dots")

    def __rich__(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for name in STAGES:
            table.add_row(*self._row(name))
        now = Table.grid(padding=(0, 1))
        for zh, en in self.lines:
            now.add_row(Text(zh, overflow="ellipsis", no_wrap=True), Text(en, style="dim", no_wrap=True))
        parts: list[RenderableType] = [table, Text(), now]
        return Panel(Group(*parts), title=self._title, subtitle=self._subtitle(), border_style="cyan", padding=(1, 2))

    def _row(self, name: str) -> tuple[RenderableType, ...]:
        known, (zh, en) = self.stages[name], STAGES[name]
        over = known.ended is not None
        mark: RenderableType = Text("✓", "green") if over else self._spinner if known.began else Text("·", "dim")
        bar = ProgressBar(total=known.total or 1, completed=min(known.done, known.total or 1), width=26)
        count = f"{known.done}/{known.total}" if known.total else str(known.done or "")
        took = f"{(known.ended or time.monotonic()) - known.began:.0f} s" if known.began else ""
        style = "" if known.began else "dim"
        return (mark, Text(zh, f"bold {style}"), Text(en, "dim"), bar, Text(count), Text(took, "dim"), self.note(name))

    def _subtitle(self) -> str:
        spent = f"已过 {time.monotonic() - self.began:.0f} s"
        if self.awaited and (left := self.awaited[1] - time.time()) > 0:
            return f"{spent} · 距{self.awaited[0]} {left:.0f} s"
        return spent


class Lines(Counted):
    """Plain lines, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def step(self, stage: str, *, mega: float = 0.0) -> None:
        super().step(stage, mega=mega)
        name = PARTS.get(stage, stage)
        if name in self.stages and (total := self.stages[name].total):
            done = self.stages[name].done
            if done == total or done % max(1, round(total * STEPS_A_LINE)) == 0:
                zh, en = STAGES[name]
                self._line(f"{zh} {en}: {done}/{total}  {self.note(name)}")

    def say(self, zh: str, en: str) -> None:
        super().say(zh, en)

    def _line(self, text: str) -> None:
        self._console.print(f"[{time.monotonic() - self.began:6.1f} s] {text}", markup=False, soft_wrap=True)


@contextmanager
def shown(title: str, console: Console) -> Iterator[Counted]:
    """The way that fits where the output goes."""
    if not console.is_terminal:
        yield Lines(console)
        return
    panel = LivePanel(title)
    with Live(panel, console=console, refresh_per_second=8):
        yield panel
