"""How far a long command is: a bar on a terminal, a line every few seconds anywhere else."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_S = 5.0
"""From one line to the next."""

Told = Callable[[int, int], None]
"""Called with how many are done and how many there are."""


@contextmanager
def progress(out: Console, title: str) -> Iterator[Told]:
    """Shows under a title what it is told: how many, how fast, how long it will take."""
    if not out.is_terminal:
        yield _lines(out, title)
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn()
    with Progress(*columns, console=out) as bar:
        shown = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(shown, completed=done, total=total)


class Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """See `ProgressColumn`."""
        return Text(f"{task.finished_speed or task.speed or 0:.0f}/s")


def _lines(out: Console, title: str) -> Told:
    begun, next_line = time.monotonic(), 0.0

    def tell(done: int, total: int) -> None:
        nonlocal next_line
        now = time.monotonic()
        if now < next_line:
            return
        said = f"{title}  {done}/{total}"
        if next_line:  # the first says how many there are; it is too early for a rate
            rate = done / (now - begun)
            said += f"  {rate:.0f}/s  剩余 remaining {(total - done) / rate:.0f} s"
        out.print(said)
        next_line = now + LINE_S

    return tell
