"""The boxes an mp4 is made of (ISO/IEC 14496-12, 4.2), in memory and in place."""

import struct
import sys
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from services.media.inspect import bounds
from services.media.inspect.models import Damaged
from services.media.inspect.source import Source, exactly

HEAD: Final = 8
LARGE_HEAD: Final = 16
DATA: Final = frozenset({b"mdat", b"moov", b"moof", b"idat"})
"""Boxes a file cannot do without once it has begun them."""


@dataclass(frozen=True, slots=True)
class Place:
    """A box at the top of a file: where it begins, and where what it holds begins and ends."""

    kind: bytes
    begin: int
    start: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


class Box:
    """What a box holds, read field by field. Damaged where it is shorter than its fields."""

    def __init__(self, kind: bytes, data: memoryview) -> None:
        self.kind, self.data = kind, data

    def __len__(self) -> int:
        return len(self.data)

    def fields(self, layout: str, at: int = 0) -> tuple[int, ...]:
        """Big-endian whole numbers from `at`, written as for `struct`."""
        if at < 0 or at + struct.calcsize(">" + layout) > len(self.data):
            raise Damaged("damaged", f"{self.kind.decode('latin-1')} ({len(self.data)} B)")
        return struct.unpack_from(">" + layout, self.data, at)

    def field(self, layout: str, at: int = 0) -> int:
        """One such number."""
        return self.fields(layout, at)[0]

    def fourcc(self, at: int) -> bytes:
        """A four-letter code."""
        return self.field("I", at).to_bytes(4, "big")

    def version(self) -> int:
        """The version of a full box."""
        return self.field("B")

    def flags(self) -> int:
        """The flags of a full box."""
        return self.field("I") & 0xFFFFFF

    def table(self, layout: str, at: int, count: int) -> Iterator[tuple[int, ...]]:
        """`count` rows of numbers from `at`."""
        size = struct.calcsize(">" + layout)
        if count * size > len(self.data) - at:
            raise Damaged("damaged", f"{self.kind.decode('latin-1')}: {count} > {len(self.data)} B")
        return struct.iter_unpack(">" + layout, self.data[at : at + count * size])

    def numbers(self, kind: Literal["I", "Q"], at: int, count: int) -> "array[int]":
        """`count` whole numbers of four or eight bytes from `at`."""
        found = array(kind)
        if count * found.itemsize > len(self.data) - at:
            raise Damaged("damaged", f"{self.kind.decode('latin-1')}: {count} > {len(self.data)} B")
        found.frombytes(self.data[at : at + count * found.itemsize])
        if sys.byteorder == "little":
            found.byteswap()
        return found

    def children(self, at: int = 0) -> Iterator["Box"]:
        """The boxes inside, from `at`."""
        for _ in range(bounds.BOXES):
            if at + HEAD > len(self.data):
                return
            size, head = self.field("I", at), HEAD
            if size == 1:
                size, head = self.field("Q", at + HEAD), LARGE_HEAD
            elif size == 0:
                size = len(self.data) - at
            if size < head or at + size > len(self.data):
                raise Damaged("damaged", f"{self.kind.decode('latin-1')} +{at}")
            yield Box(bytes(self.data[at + 4 : at + 8]), self.data[at + head : at + size])
            at += size
        raise Damaged("absurd", f"{self.kind.decode('latin-1')}: > {bounds.BOXES} boxes")

    def find(self, *path: bytes) -> "Box | None":
        """The first box at a path of kinds; None where there is none."""
        here: Box | None = self
        for kind in path:
            here = next((child for child in here.children() if child.kind == kind), None) if here else None
        return here

    def need(self, *path: bytes) -> "Box":
        """The same; Damaged where there is none."""
        found = self.find(*path)
        if found is None:
            raise Damaged("damaged", f"{self.kind.decode('latin-1')}: no {b'/'.join(path).decode('latin-1')}")
        return found


async def top_boxes(source: Source) -> AsyncIterator[Place]:
    """The boxes of a file in order. Damaged where one begins that the file does not hold to its end; what follows the
    last proper box and is none itself is left alone, as players do."""
    at = 0
    for _ in range(bounds.BOXES):
        if source.size - at < HEAD:
            return
        head = await exactly(source, at, min(LARGE_HEAD, source.size - at))
        size, kind, length = int.from_bytes(head[:4], "big"), head[4:8], HEAD
        if size == 1 and len(head) == LARGE_HEAD:
            size, length = int.from_bytes(head[8:], "big"), LARGE_HEAD
        elif size == 0:
            size = source.size - at
        if size < length or at + size > source.size:
            if kind in DATA or at == 0:
                raise Damaged("truncated", f"{kind.decode('latin-1')} @{at} + {size} > {source.size} B")
            return
        yield Place(kind, at, at + length, at + size)
        at += size
    raise Damaged("absurd", f"> {bounds.BOXES} boxes")


async def load(source: Source, place: Place, at_most: int) -> Box:
    """A box in memory. Damaged where it is larger than any honest one."""
    if place.size > at_most:
        raise Damaged("absurd", f"{place.kind.decode('latin-1')}: {place.size} B")
    return Box(place.kind, memoryview(await exactly(source, place.start, place.size)))
