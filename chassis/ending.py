"""How tasks end: PyMongo can swallow a cancellation that meets an answer from the server, so one may not be enough."""

import asyncio
from typing import Any


def stopping() -> bool:
    """Whether the current task was cancelled, also where that did not show."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def ended(*tasks: "asyncio.Future[Any]") -> None:
    """Cancel tasks until every one of them is over."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=1.0)
