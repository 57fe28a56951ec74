"""The last step of a check: the pictures that were measured are tried in a decoder."""

from collections.abc import AsyncIterator
from dataclasses import replace

from contracts.rulebook import Slot
from contracts.rulebook.material import ArchiveContainer
from services.media.inspect import bounds
from services.media.inspect.decode import decodes, photo_decodes
from services.media.inspect.members import open_member
from services.media.inspect.models import File, Image, PackageFacts, Video
from services.media.inspect.source import Blocks, Source
from services.media.inspect.zip import read_directory


async def tried(source: Source, slot: Slot, facts: PackageFacts) -> PackageFacts:
    """The facts of `measure`, with what a decoder cannot show among the faults. The costs are `decode`'s, for each
    video and picture that was readable. It finds nothing right that was wrong; an error of store or machine raises."""
    faults = list(facts.faults)
    async for file, member in _opened(Blocks(source), slot, facts):
        if not any(fault.file == file.name for fault in faults):
            fault = await (decodes if isinstance(file.content, Video) else photo_decodes)(member, file.name)
            faults += [fault] if fault else []
    return replace(facts, faults=tuple(faults))


async def _opened(source: Source, slot: Slot, facts: PackageFacts) -> AsyncIterator[tuple[File, Source]]:
    files = [file for file in facts.files or () if isinstance(file.content, Video | Image)][: bounds.TRIED]
    if not isinstance(slot.container, ArchiveContainer):
        for file in files:
            yield file, source
    elif files and facts.format == "zip":
        entries = {entry.shown: entry for entry in (await read_directory(source)).entries}
        for file in files:
            yield file, await open_member(source, entries[file.name])
