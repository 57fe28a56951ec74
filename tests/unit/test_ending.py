"""Tasks that are to end do, also where a library made nothing of the first cancellation."""

import asyncio
import contextlib

from chassis.ending import ended, stopping


async def deaf(seen: list[bool]) -> None:
    """Works on after one cancellation, as behind a library that lost it."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)
    seen.append(stopping())
    await asyncio.sleep(60)


async def test_task_that_lost_its_first_cancellation_ends() -> None:
    seen: list[bool] = []
    tasks = [asyncio.ensure_future(deaf(seen)), asyncio.ensure_future(asyncio.sleep(0))]
    await tasks[1]
    async with asyncio.timeout(5):
        await ended(*tasks)
    assert (seen, [task.cancelled() for task in tasks]) == ([True], [True, False])


async def test_nobody_is_stopping_unasked() -> None:
    assert not stopping()
