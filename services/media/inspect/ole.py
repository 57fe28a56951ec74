"""Reads in place what an OLE file holds: old Office documents, and new ones behind a password (MS-CFB)."""

from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from services.media.inspect import bounds
from services.media.inspect.models import Damaged
from services.media.inspect.names import extension
from services.media.inspect.source import Source, exactly, head

HEADER: Final = 512
SHIFTS: Final = (9, 12)
"""Sectors are of 2**9 or 2**12 bytes."""
TABLES: Final = 76, 109
"""Where the header lists the sectors of the allocation table, and how many of them it does."""
ENTRY: Final = 128
LAST: Final = 0xFFFFFFFA
"""From here on, numbers of sectors mean something else (2.1)."""
SHORT: Final = 4096
"""Streams below this lie elsewhere, in pieces."""
ENCRYPTED: Final = "EncryptedPackage"
"""What an OLE file holds where a docx was saved with a password (MS-OFFCRYPTO, 2.3)."""
WORD: Final = "WordDocument"
OFFICE: Final = ((WORD, "doc"), ("Workbook", "xls"), ("Book", "xls"), ("PowerPoint Document", "ppt"))
WORD_SIGN: Final = b"\xec\xa5"
LOCKED: Final = 0x01
"""The bit of the byte at `LOCKED_AT` that says a Word document is encrypted (MS-DOC, 2.5.2)."""
LOCKED_AT: Final = 11
MACROS: Final = frozenset({"VBA", "_VBA_PROJECT"})


class Entry(NamedTuple):
    """A stream or storage: where it begins in the file, and its length."""

    name: str
    at: int
    size: int


async def old_office(source: Source, name: str) -> str:
    """What an OLE file is by what it holds; `ole` where that does not tell. Damaged where it is cut short or needs a
    password."""
    entries = {entry.name: entry for entry in await _entries(source)}
    if ENCRYPTED in entries:
        raise Damaged("encrypted", "Office")
    kind = next((kind for stream, kind in OFFICE if stream in entries), "ole")
    if kind == "doc":
        await _refuse_cut(source, entries[WORD])
        await _refuse_locked(source, entries[WORD])
    return "wps" if kind == "doc" and extension(name) == "wps" else kind


async def old_word(source: Source) -> Damaged:
    """What a document of old Word, which is not read here, comes to."""
    macros = MACROS & {entry.name for entry in await _entries(source)}
    return Damaged("macros", "VBA") if macros else Damaged("resave", "doc")


async def _refuse_cut(source: Source, word: Entry) -> None:
    """Damaged where some of the document's sectors lie beyond the end of the file, as far as the table is read."""
    header = await head(source, HEADER)
    shift = int.from_bytes(header[30:32], "little")
    if shift not in SHIFTS or word.size < SHORT:
        return
    at, listed = word.at, TABLES[1] << shift - 2
    for _ in range(min(word.size >> shift, listed)):
        if at >= source.size:
            raise Damaged("truncated", f"{at} > {source.size} B")
        sector = await _following(source, header, shift, (at >> shift) - 1)
        if sector >= LAST:
            return
        at = sector + 1 << shift


async def _refuse_locked(source: Source, word: Entry) -> None:
    if word.size >= SHORT and word.at + HEADER <= source.size:
        first = await exactly(source, word.at, LOCKED_AT + 1)
        if first.startswith(WORD_SIGN) and first[LOCKED_AT] & LOCKED:
            raise Damaged("encrypted", "Word")


async def _entries(source: Source) -> Sequence[Entry]:
    """All entries of the directory; where it is broken, those before that."""
    found = list[Entry]()
    async for sector, shift in _directory(source):
        for at in range(0, len(sector), ENTRY):
            length = int.from_bytes(sector[at + 64 : at + 66], "little")
            name = sector[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            start = int.from_bytes(sector[at + 116 : at + 120], "little")
            found.append(Entry(name, start + 1 << shift, int.from_bytes(sector[at + 120 : at + 124], "little")))
    return found


async def _directory(source: Source) -> AsyncIterator[tuple[bytes, int]]:
    """The directory's sectors. Damaged where the first lies beyond the end of the file."""
    header = await head(source, HEADER)
    shift, sector = int.from_bytes(header[30:32], "little"), int.from_bytes(header[48:52], "little")
    if shift not in SHIFTS:
        return
    if (sector + 1 << shift) + ENTRY > source.size:
        raise Damaged("truncated", f"{sector + 1 << shift} > {source.size} B")
    for _ in range(bounds.ENTRIES * ENTRY >> shift):
        if sector >= LAST or (sector + 1 << shift) + ENTRY > source.size:
            return
        at = sector + 1 << shift
        yield await exactly(source, at, min(1 << shift, source.size - at)), shift
        sector = await _following(source, header, shift, sector)


async def _following(source: Source, header: bytes, shift: int, sector: int) -> int:
    """The sector after one, by the allocation table; `LAST` where that does not lie in the file."""
    begin, listed = TABLES
    table, place = divmod(sector, (1 << shift) // 4)
    if table >= listed:
        return LAST
    number = int.from_bytes(header[begin + 4 * table : begin + 4 * table + 4], "little")
    at = (number + 1 << shift) + 4 * place
    return int.from_bytes(await exactly(source, at, 4), "little") if at + 4 <= source.size else LAST
