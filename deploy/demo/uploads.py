"""Sends a package in the parts a ticket lists; one is cut in the middle and taken up where it broke off."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx

from contracts.ids import EntryId, MaterialId
from deploy.demo.ledger import File
from deploy.demo.packages import Package
from deploy.demo.plan import SLOT
from deploy.demo.world import Denied, Person, Stage

NOT_HEARD_YET = {"entry_submitted", "slot_not_reopened"}


class LineCut(Exception):
    """The line broke while a part was on its way."""


async def upload(stage: Stage, studio: Person, entry: EntryId, package: Package, *, cut: bool = False) -> MaterialId:
    """Take a ticket, send every part, complete; what is then acknowledged goes into the ledger."""
    size = len(package.data)
    wanted = {"entry": entry, "slot": SLOT, "name": package.name, "size": size, "sha256": package.sha256}
    ticket = await _ticket(stage, studio, wanted)
    number = ticket["ticket"]
    try:
        await _send(stage, package.data, ticket, cut=cut)
    except LineCut:
        stage.show.say(f"{package.name}：上传中断，从断点续传", "upload cut in the middle, resumed")
        ticket = await studio.get(f"media/v1/tickets/{number}")
        await _send(stage, package.data, ticket, cut=False)
    completed = await studio.post(f"media/v1/tickets/{number}/complete")
    material = MaterialId(completed["material"])
    stage.ledger.materials[material] = File(size, package.sha256)
    stage.ledger.material_of[material] = entry
    stage.show.step("upload", mega=size / 1e6)
    return material


async def _ticket(stage: Stage, studio: Person, wanted: dict[str, Any]) -> dict[str, Any]:
    """A ticket. That the entry came back may have reached the studio before it reaches the service of tickets."""

    async def look() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = await studio.post("media/v1/tickets", wanted)
        except Denied as denied:
            if denied.code not in NOT_HEARD_YET:
                raise
            return None
        return found

    return await stage.until(f"a ticket for entry {wanted['entry']}", look)


async def _send(stage: Stage, data: bytes, ticket: dict[str, Any], *, cut: bool) -> None:
    parts: Sequence[dict[str, Any]] = ticket["parts"]
    for part in parts:
        start = (part["number"] - 1) * ticket["part_size"]
        piece = data[start : start + part["size"]]
        if cut and part is parts[-1]:
            await _break_off(stage.world.files, part["url"], piece)
        await _put(stage, part["url"], piece)


async def _put(stage: Stage, url: str, piece: bytes) -> None:
    for patience in (0.2, 0.5, 1.0, 2.0, None):
        try:
            answer = await stage.world.files.put(url, content=piece)
            if answer.status_code < 500 or patience is None:
                answer.raise_for_status()
                return
        except httpx.TransportError:
            if patience is None:
                raise
        await stage.world.pause(patience)


async def _break_off(files: httpx.AsyncClient, url: str, piece: bytes) -> None:
    async def half() -> Any:
        yield piece[: len(piece) // 2]
        await asyncio.sleep(0.05)
        raise LineCut

    await files.put(url, content=half(), headers={"content-length": str(len(piece))})
