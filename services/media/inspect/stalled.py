"""Notices a tool that works and works and writes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from services.media.inspect.child import Child

LOOKS: Final = 0.1
"""Seconds between two looks."""
TICKS: Final = 100
"""How many parts of a second the system counts CPU in (USER_HZ)."""


@asynccontextmanager
async def no_longer_than(seconds: float, tool: Child) -> AsyncIterator[None]:
    """Inside the block a tool is stopped that uses so much CPU between two things it writes; waiting costs it none."""
    watch = asyncio.create_task(_watch(seconds, tool))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(seconds: float, tool: Child) -> None:
    written, since = tool.written, 0.0
    while (cpu := _cpu(tool.process.pid)) is not None:
        if tool.written != written:
            written, since = tool.written, cpu
        elif cpu - since > seconds:
            tool.stop("cpu")
            return
        await asyncio.sleep(LOOKS)


def _cpu(pid: int) -> float | None:
    """Seconds of CPU a process has used; None where it is gone."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(numbers[11]) + int(numbers[12])) / TICKS
