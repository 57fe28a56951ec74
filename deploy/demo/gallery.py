"""The public's look at approved entries: a film that plays from where one jumps to, and a picture to know it by."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from contracts.ids import EntryId, MaterialId
from deploy.demo.ledger import File
from deploy.demo.world import Person, Stage

PATIENCE_S: Final = 90.0
AT_ONCE: Final = 4
JUMP: Final = "bytes=1000-1999"


async def look_at(stage: Stage, visitor: Person, entries: Sequence[EntryId]) -> None:
    """Wait until every entry is shown, and watch a piece of each; what was seen goes into the ledger."""
    stage.show.expect("shown", len(entries))
    free = asyncio.Semaphore(AT_ONCE)

    async def see(entry: EntryId) -> None:
        async with free:
            files = await _shown(stage, visitor, entry)
            for file in files:
                seen = stage.ledger.shown.setdefault(MaterialId(file["material"]), set())
                seen.add(File(file["size"], file["sha256"]))
            await _watch(stage, next(file for file in files if file["kind"] == "video"))
            stage.show.step("shown")

    await asyncio.gather(*map(see, entries))


async def _shown(stage: Stage, visitor: Person, entry: EntryId) -> list[dict[str, Any]]:
    async def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = await visitor.get(f"media/v1/entries/{entry}/published")
        return found or None

    return await stage.until(f"entry {entry} to be shown", look, PATIENCE_S)


async def _watch(stage: Stage, film: dict[str, Any]) -> None:
    answer = await stage.world.files.get(film["url"], headers={"range": JUMP})
    if answer.status_code != 206 or len(answer.content) != 1000:
        raise AssertionError(f"视频不能跳播 cannot jump into {film['name']}: {answer.status_code}")
