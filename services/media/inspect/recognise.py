"""Recognises what an upload is by its bytes: an archive, also among other bytes, or anything else."""

from typing import Final

from services.media.inspect.formats import LOOK, format_of, looks_like
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.ole import old_office
from services.media.inspect.opc import kind_of_zip
from services.media.inspect.rar import read_rar
from services.media.inspect.source import Source, head
from services.media.inspect.zip import Directory, Headless, read_directory

CERTAIN: Final = frozenset({"split", "encrypted", "overlap", "bomb", "too-many"})
"""What only a zip has, also where other bytes come before it."""
VAGUE: Final = ("unknown", "txt")
"""What a zip may look like that other bytes come before."""
SCRIPT: Final = b"#!"
RAR: Final = b"Rar!\x1a\x07"


async def recognise(source: Source, name: str) -> tuple[str, Directory | None, tuple[Fault, ...]]:
    """What an upload is by its bytes; its directory if it is a zip, or what is wrong with that."""
    if not source.size:
        return "empty", None, ()
    first = await head(source, LOOK)
    kind = format_of(first, name)
    if kind not in ("zip", "rar", "ole", *VAGUE) or first.startswith(SCRIPT):
        return kind, None, ()
    try:
        if kind == "rar":
            directory = await read_rar(source)
            return kind, directory, directory.faults
        if kind == "ole":
            return await old_office(source, name), None, ()
        directory = await read_directory(source)
    except Damaged as damage:
        if kind in VAGUE and not _certain(kind, damage):
            return await _after_others(source, kind)
        kind = "zip" if kind in VAGUE else looks_like(kind, name)
        return kind, None, (Fault(damage.code, damage.measured),)
    kind = await kind_of_zip(source, directory)
    return kind, directory if kind == "zip" else None, directory.faults if kind == "zip" else ()


def _certain(kind: str, damage: Damaged) -> bool:
    """Whether only a zip can be damaged in this way; what begins like a text may hold anything."""
    return isinstance(damage, Headless) or (kind == "unknown" and damage.code in CERTAIN)


async def _after_others(source: Source, kind: str) -> tuple[str, None, tuple[Fault, ...]]:
    """What an upload is that begins like no archive and is no zip: a RAR, where other bytes come before one."""
    at = (await head(source, LOOK)).find(RAR)
    if at < 0:
        return kind, None, ()
    return "rar", None, (Fault("damaged", f"开头多出 surplus at its beginning: {at} B"),)
