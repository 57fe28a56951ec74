"""Opens the members of a zip where they lie."""

from collections.abc import Iterator

from services.media.inspect import names
from services.media.inspect.inflate import Inflated, Marks
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.source import Blocks, Slice, Source, exactly
from services.media.inspect.zip import DEFLATED, ENCRYPTED, FULL32, LOCAL, LOCAL_HEAD, STORED, Entry

DESCRIPTOR = 0x0008
"""Flag: sizes and CRC follow the data, the local header need not have them (APPNOTE 4.4.4)."""
NEAR = 2**10
"""Bytes in which a local header with its names lies, nearly always."""


def wanted(entry: Entry) -> bool:
    """Whether an entry is a file somebody put there."""
    return not entry.is_folder and not names.is_leftover(entry.name)


def readable(entry: Entry) -> bool:
    """Whether an entry is wanted, and packed in a way that is read here."""
    plain = entry.method in (STORED, DEFLATED) and not entry.flags & ENCRYPTED
    return wanted(entry) and plain and (entry.method == DEFLATED or entry.packed == entry.size)


def names_length(head: bytes) -> int:
    """Bytes of name and extra fields that follow the fixed part of a local header; 0 where it is none."""
    whole = len(head) >= LOCAL_HEAD.size and head.startswith(LOCAL)
    return sum(LOCAL_HEAD.unpack_from(head)[-2:]) if whole else 0


def local_faults(entry: Entry, data: bytes) -> Iterator[Fault]:
    """How a local header (with the names after it) contradicts the directory."""
    if len(data) < LOCAL_HEAD.size or not data.startswith(LOCAL):
        yield Fault("header", f"@{entry.offset}", entry.shown)
        return
    _, _, flags, method, _, _, crc, packed, size, long, _ = LOCAL_HEAD.unpack_from(data)
    if data[LOCAL_HEAD.size : LOCAL_HEAD.size + long] != entry.raw or method != entry.method or flags & ENCRYPTED:
        yield Fault("header", f"@{entry.offset}", entry.shown)
    elif not flags & DESCRIPTOR and not (
        crc == entry.crc and packed in (entry.packed, FULL32) and size in (entry.size, FULL32)
    ):
        yield Fault("header", f"{packed} / {size} B", entry.shown)


async def open_member(source: Source, entry: Entry, marks: Marks | None = None) -> Source:
    """The member's unpacked bytes as a source. Damaged where its local header is not the directory's."""
    near = await exactly(source, entry.offset, min(NEAR, source.size - entry.offset))
    length = LOCAL_HEAD.size + names_length(near)
    head = near[:length] if length <= len(near) else await exactly(source, entry.offset, length)
    for fault in local_faults(entry, head):
        raise Damaged(fault.code, fault.measured)
    packed = Slice(source, entry.offset + length, entry.packed)
    if packed.size + entry.offset + length > source.size:
        raise Damaged("truncated", f"{entry.packed} B")
    return Blocks(Inflated(packed, entry.size, marks), kept=32) if entry.method == DEFLATED else packed
