"""Named places where a process can be made to die, so that a test can kill it at any step.

`ZM_CRASH_AT=committed` ends the process the first time it passes that point, `committed:3` the third time.
"""

import asyncio
import os
from collections.abc import Awaitable
from typing import Literal, TypeVar, get_args

CrashPoint = Literal[
    "received", "begun", "written", "committed", "published", "confirmed", "marked", "before_ack", "after_ack",
    "claimed", "measured", "stored",
]  # fmt: skip
T = TypeVar("T")
POINTS: tuple[CrashPoint, ...] = get_args(CrashPoint)

_name, _left = "", 0


def arm(at: str) -> None:
    """From now on die at `at`, counted from here; an empty one means nowhere."""
    global _name, _left
    _name, _, nth = at.partition(":")
    _left = int(nth or 1)


def point(name: CrashPoint) -> None:
    """Pass a named step; die there, without any clean-up, if told to."""
    global _left
    if _name == name:
        _left -= 1
        if _left == 0:
            os._exit(137)


async def during(name: CrashPoint, work: Awaitable[T]) -> T:
    """Await what is done; pass a named step while it is under way."""
    if _name == name:
        work = asyncio.ensure_future(work)
        await asyncio.sleep(0.005)
        point(name)
    return await work


arm(os.environ.get("ZM_CRASH_AT", ""))
