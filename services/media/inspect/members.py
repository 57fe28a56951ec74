"""Opens the members of a zip where they lie."""

import struct
from collections.abc import Iterator

from services.media.inspect import names
from services.media.inspect.ending import CENTRAL, FULL32
from services.media.inspect.ends import Ends
from services.media.inspect.inflate import Inflated, Marks
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.source import Blocks, Slice, Source, exactly
from services.media.inspect.zip import (
    DEFLATED,
    ENCRYPTED,
    LOCAL,
    LOCAL_HEAD,
    STORED,
    ZIP64,
    Entry,
    extra_fields,
)

DESCRIPTOR = 0x0008
"""Flag: sizes and CRC follow the data, the local header need not have them (APPNOTE 4.4.4)."""
DESCRIPTOR_SIGN = b"PK\7\x08"
DESCRIPTOR_SIZE = 24
"""Bytes of the longest descriptor."""
NEAR = 2**10
"""Bytes in which a local header with its names lies, nearly always."""


def wanted(entry: Entry) -> bool:
    """Whether an entry is a file somebody put there."""
    return not entry.is_folder and not names.is_leftover(entry.name)


def legible(entry: Entry) -> bool:
    """Whether an entry is packed in a way that is read here."""
    plain = entry.method in (STORED, DEFLATED) and not entry.flags & ENCRYPTED
    return plain and (entry.method == DEFLATED or entry.packed == entry.size)


def readable(entry: Entry) -> bool:
    """Whether an entry is wanted, and packed in a way that is read here."""
    return wanted(entry) and legible(entry)


def descriptor_faults(entry: Entry, data: bytes) -> Iterator[Fault]:
    """How what follows a member's data contradicts the directory: CRC and sizes of 4 or 8 bytes each, with a signature
    or without (APPNOTE 4.3.9). Some writers announce a descriptor and leave it out."""
    if not entry.flags & DESCRIPTOR or not data or data.startswith((LOCAL, CENTRAL)):
        return
    said = [struct.pack("<LQQ", entry.crc, entry.packed, entry.size)]
    if max(entry.packed, entry.size) <= FULL32:
        said.append(struct.pack("<3L", entry.crc, entry.packed, entry.size))
    if not any(data.startswith((each, DESCRIPTOR_SIGN + each)) for each in said):
        yield Fault("header", f"descriptor of @{entry.offset}", entry.shown)


def names_length(head: bytes) -> int:
    """Bytes of name and extra fields that follow the fixed part of a local header; 0 where it is none."""
    whole = len(head) >= LOCAL_HEAD.size and head.startswith(LOCAL)
    return sum(LOCAL_HEAD.unpack_from(head)[-2:]) if whole else 0


def local_faults(entry: Entry, data: bytes) -> Iterator[Fault]:
    """How a local header (with the names after it) contradicts the directory."""
    if len(data) < LOCAL_HEAD.size or not data.startswith(LOCAL):
        yield Fault("header", f"local header @{entry.offset}", entry.shown)
        return
    _, _, flags, method, _, _, crc, packed, size, long, _ = LOCAL_HEAD.unpack_from(data)
    name, extras = data[LOCAL_HEAD.size : LOCAL_HEAD.size + long], extra_fields(data[LOCAL_HEAD.size + long :])
    if name != entry.raw or method != entry.method or flags & ENCRYPTED or _renamed(entry, extras):
        yield Fault("header", f"local header @{entry.offset}", entry.shown)
    elif not (
        _says(crc, entry.crc, flags)
        and _says(packed, entry.packed, flags, extras)
        and _says(size, entry.size, flags, extras)
    ):
        yield Fault("header", f"{packed} / {size} B", entry.shown)
    outside = names.leads_outside(names.decoded(name, extras))
    if outside and not names.leads_outside(entry.name):
        yield Fault("path", outside, entry.shown)


def _renamed(entry: Entry, extras: dict[int, bytes]) -> bool:
    """Whether both headers have a Unicode name, and not the same."""
    both = names.UNICODE_PATH in extras and names.UNICODE_PATH in entry.extras
    return both and names.decoded(entry.raw, extras) != entry.name


def _says(said: int, true: int, flags: int, extras: dict[int, bytes] | None = None) -> bool:
    """Whether a local header says the same as the directory, in its ZIP64 field where it has one for a size, or
    nothing, where a descriptor follows."""
    if extras and said == FULL32 and (field := extras.get(ZIP64)):
        wide = [int.from_bytes(field[at : at + 8], "little") for at in range(0, min(len(field), 16), 8)]
        return true in wide or bool(flags & DESCRIPTOR and 0 in wide)
    return said == true or bool(flags & DESCRIPTOR and said in (0, FULL32))


async def open_member(source: Source, entry: Entry, by_ends: bool = False) -> Source:
    """The member's unpacked bytes as a source, of a deflated one its ends alone where that is enough. Damaged where its
    local header is not the directory's."""
    near = await exactly(source, entry.offset, min(NEAR, source.size - entry.offset))
    length = LOCAL_HEAD.size + names_length(near)
    head = near[:length] if length <= len(near) else await exactly(source, entry.offset, length)
    for fault in local_faults(entry, head):
        raise Damaged(fault.code, fault.measured)
    start = entry.offset + length
    return Ends(_packed_at(source, start, entry), entry.size) if by_ends else member_at(source, start, entry)


def member_at(source: Source, start: int, entry: Entry, marks: Marks | None = None) -> Source:
    """The same, of a member whose packed bytes are known to begin at `start`."""
    packed = _packed_at(source, start, entry)
    return Blocks(Inflated(packed, entry.size, marks), kept=32) if entry.method == DEFLATED else packed


def _packed_at(source: Source, start: int, entry: Entry) -> Source:
    if start + entry.packed > source.size:
        raise Damaged("truncated", f"{entry.packed} B")
    return Slice(source, start, entry.packed)
