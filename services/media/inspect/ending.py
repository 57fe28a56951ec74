"""Finds the record a zip ends with, in its short form or in that of ZIP64 (PKWARE APPNOTE 6.3.10, 4.3.14 to 4.3.16)."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from services.media.inspect.models import Damaged
from services.media.inspect.source import Source, exactly

CENTRAL = b"PK\1\2"
END, END64, LOCATOR = b"PK\5\6", b"PK\6\6", b"PK\6\7"
END_HEAD: Final = struct.Struct("<4s4H2LH")
END64_HEAD: Final = struct.Struct("<4sQ2H2L4Q")
LOCATOR_HEAD: Final = struct.Struct("<4sLQL")
NEAR_END: Final = 4 * 2**10
FAR_END: Final = 2**16 + 2**8
BEHIND: Final = 2 * 2**20
"""Bytes at the end in which a record is looked for that others follow."""
FULL16, FULL32 = 0xFFFF, 0xFFFFFFFF
SPANNED: Final = b"PK\7\x08"
"""What the first file of a split archive begins with (APPNOTE 8.5.3)."""
END64_V1: Final = 44
"""Bytes a ZIP64 end record says of itself; the second version, with more, tells of an encrypted directory."""


class End(NamedTuple):
    """The end record's own place and what it says, whichever of its two forms said it."""

    at: int
    disk: int
    first_disk: int
    here: int
    entries: int
    size: int
    offset: int

    @property
    def start(self) -> int:
        """Where the directory begins: right before the record, wherever its offset points."""
        return self.at - self.size

    def instead_of(self, short: "End") -> "End":
        """This record, which is the ZIP64 one. Damaged where the short one says something else and not that it has no
        room for the truth."""
        for mine, other, full in zip(self[1:], short[1:], (FULL16,) * 4 + (FULL32,) * 2, strict=True):
            if other not in (mine, full):
                raise Damaged("ambiguous", f"ZIP64: {mine} ≠ {other}")
        return self


async def end_record(source: Source) -> tuple[End, int]:
    """The end record, and how many bytes follow the archive."""
    at, tail = await _find_end(source)
    _, *said, comment = END_HEAD.unpack_from(tail, at)
    end = End(source.size - len(tail) + at, *said)
    after = source.size - end.at - END_HEAD.size - comment
    if at >= LOCATOR_HEAD.size and tail.startswith(LOCATOR, at - LOCATOR_HEAD.size):
        end = (await _end64(source, end.at - LOCATOR_HEAD.size)).instead_of(end)
    if end.disk or end.first_disk or end.here != end.entries:
        raise Damaged("split", f"disk {end.disk}")
    return end, after


async def _find_end(source: Source) -> tuple[int, bytes]:
    """The end record's place in the tail of the file: the one whose comment reaches the end of the file exactly, else
    the last one whose comment fits. Where two reach it exactly, readers disagree what the archive holds."""
    for reach in (NEAR_END, FAR_END):
        tail = await exactly(source, max(0, source.size - reach), min(reach, source.size))
        places = list(_places(tail))
        exact = [at for at, left in places if left == 0]
        if len(exact) > 1:
            raise Damaged("ambiguous", f"{len(exact)} × PK\\5\\6")
        if exact:
            return exact[0], tail
        if places and (reach == FAR_END or len(tail) == source.size):
            return places[0][0], tail
    if found := await _far_end(source):
        return found
    if (await exactly(source, 0, min(4, source.size))) == SPANNED:
        raise Damaged("split", "z01")
    raise Damaged("truncated", f"no directory, {source.size} B")


async def _far_end(source: Source) -> tuple[int, bytes] | None:
    """An end record with more behind it than a comment can hold. It has to say exactly where it lies itself: others
    are those of archives inside one that is cut short."""
    tail = await exactly(source, max(0, source.size - BEHIND), min(BEHIND, source.size))
    for at, _ in _places(tail):
        *_, size, offset, _ = END_HEAD.unpack_from(tail, at)
        if size and offset + size == source.size - len(tail) + at:
            return at, tail
    return None


def _places(tail: bytes) -> Iterator[tuple[int, int]]:
    """Where an end record may be, from the end backwards, and how many bytes would follow its comment."""
    at = tail.rfind(END)
    while at >= 0:
        if at + END_HEAD.size <= len(tail):
            left = len(tail) - at - END_HEAD.size - END_HEAD.unpack_from(tail, at)[-1]
            if left >= 0:
                yield at, left
        at = tail.rfind(END, 0, at)


async def _end64(source: Source, locator_at: int) -> End:
    _, disk, offset, disks = LOCATOR_HEAD.unpack(await exactly(source, locator_at, LOCATOR_HEAD.size))
    if disk or disks > 1:
        raise Damaged("split", f"disk {disk} / {disks}")
    for at in (offset, locator_at - END64_HEAD.size):
        if 0 <= at <= locator_at - END64_HEAD.size:
            sign, length, _, _, *said = END64_HEAD.unpack(await exactly(source, at, END64_HEAD.size))
            if sign == END64:
                end = End(at, *said)
                if length != END64_V1 and at + 12 + length == locator_at and await _is_masked(source, end):
                    raise Damaged("encrypted", "PKWARE, 目录 directory")
                return end
    raise Damaged("damaged", "ZIP64")


async def _is_masked(source: Source, end: End) -> bool:
    """Whether the directory is none that can be read; what else a long record holds says something of its own."""
    return bool(end.size) and await exactly(source, end.start, len(CENTRAL)) != CENTRAL
