"""Reads the directory of a zip in place (PKWARE APPNOTE 6.3.10): stored or deflated, ZIP64, data descriptors."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from services.media.inspect import bounds, names
from services.media.inspect.ending import FULL16, FULL32, end_record
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.source import Source, exactly

STORED: Final = 0
DEFLATED: Final = 8
AES: Final = 99
METHODS: Final = {
    1: "shrink", 2: "reduce", 3: "reduce", 4: "reduce", 5: "reduce", 6: "implode", 9: "deflate64", 10: "PKWARE implode",
    12: "bzip2", 14: "lzma", 16: "IBM cmpsc", 18: "IBM terse", 19: "lz77", 20: "zstd", 93: "zstd", 94: "mp3", 95: "xz",
    96: "jpeg", 97: "wavpack", 98: "ppmd",
}  # fmt: skip
LOCAL, CENTRAL = b"PK\3\4", b"PK\1\2"
CENTRAL_HEAD: Final = struct.Struct("<4s4B4H3L5H2L")
LOCAL_HEAD: Final = struct.Struct("<4s5H3L2H")
STRONG, MASKED = 0x0040, 0x2000
"""Flags of PKWARE's own encryption: of the data, and of the directory, whose local headers are then masked."""
ENCRYPTED: Final = 0x0001 | STRONG | MASKED
STRONG_FIELD: Final = 0x0017
UNIXES: Final = (3, 19)
"""Systems whose entries carry a Unix mode: Unix and macOS (APPNOTE 4.4.2)."""
LINK_TYPE, TYPE_MASK = 0xA000, 0xF000


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the directory describes it. `offset` is where its local header begins in the file."""

    name: str
    raw: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    extras: tuple[int, ...]

    @property
    def shown(self) -> str:
        return names.shown(self.name)

    @property
    def is_folder(self) -> bool:
        return self.name.endswith(("/", "\\"))

    @property
    def ends_after(self) -> int:
        """Where its data cannot end before."""
        return self.offset + LOCAL_HEAD.size + len(self.raw) + self.packed

    def faults(self) -> Iterator[Fault]:
        """What is wrong with this entry alone."""
        yield from names.faults(self.name)
        if self.mode & TYPE_MASK not in (0, 0x8000, 0x4000):
            yield Fault("link", "symlink" if self.mode & TYPE_MASK == LINK_TYPE else "device", self.shown)
        if self.flags & ENCRYPTED or self.method == AES:
            yield Fault("encrypted", self._cipher(), self.shown)
        elif self.method not in (STORED, DEFLATED):
            yield Fault("method", METHODS.get(self.method, str(self.method)), self.shown)
        elif self.method == STORED and self.packed != self.size:
            yield Fault("size", f"{self.packed} ≠ {self.size} B", self.shown)
        if self.is_folder and self.size:
            yield Fault("folder", f"{self.size} B", self.shown)

    def _cipher(self) -> str:
        strong = self.flags & (STRONG | MASKED) or STRONG_FIELD in self.extras
        return "AES" if self.method == AES else "PKWARE" if strong else "ZipCrypto"


@dataclass(frozen=True, slots=True)
class Directory:
    """The members of a zip in the order their bytes lie in, and what is wrong with them."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]


async def read_directory(source: Source) -> Directory:
    """The directory of a zip. Damaged where it cannot be trusted as a whole."""
    end, after = await end_record(source)
    if end.entries > bounds.ENTRIES or end.size > bounds.DIRECTORY:
        raise Damaged("too-many", f"{end.entries} entries, {end.size} B")
    base = end.start - end.offset
    if end.start < 0 or base < 0:
        raise Damaged("truncated", f"{end.offset} + {end.size} > {end.at} B")
    listed = _entries(await exactly(source, end.start, end.size), base)
    entries = sorted(listed, key=lambda entry: entry.offset)
    if len(entries) != end.entries:
        raise Damaged("damaged", f"{len(entries)} ≠ {end.entries} entries")
    _refuse_overlap(entries, end.start)
    declared = sum(entry.size for entry in entries)
    if declared > bounds.inflated(source.size):
        raise Damaged("bomb", f"{declared} B")
    before = entries[0].offset if entries else base
    surplus = [Fault("surplus", f"{before} + {after} B")] if before or after else []
    return Directory(tuple(entries), (*listed_faults(entries), *surplus))


def listed_faults(entries: Sequence[Entry]) -> Iterator[Fault]:
    """What is wrong with the entries, each alone and among the others; what systems leave behind aside."""
    seen: dict[str, str] = {}
    mine = [entry for entry in entries if not names.is_leftover(entry.name)]
    files = {entry.shown for entry in mine if not entry.is_folder}
    for entry in mine:
        yield from entry.faults()
        path = entry.shown.rstrip("/")
        twin = seen.get(path.casefold())
        seen.setdefault(path.casefold(), path)
        if twin == path or any(folder in files for folder in names.folders(path)):
            yield Fault("duplicate", entry.shown, entry.shown)
        elif twin is not None:
            yield Fault("case", twin, entry.shown)


def _refuse_overlap(entries: list[Entry], directory: int) -> None:
    for entry, following in pairwise(entries):
        if entry.ends_after > following.offset:
            raise Damaged("overlap", f"{entry.shown} / {following.shown}")
    if entries and entries[-1].ends_after > directory:
        raise Damaged("overlap", f"{entries[-1].shown} / directory")


def _entries(data: bytes, base: int) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        if len(data) - at < CENTRAL_HEAD.size or not data.startswith(CENTRAL, at):
            raise Damaged("damaged", f"directory +{at}")
        head = CENTRAL_HEAD.unpack_from(data, at)
        system, flags, method, crc, packed, size = head[2], head[5], head[6], head[9], head[10], head[11]
        long, extra, comment, disk, attributes, offset = head[12], head[13], head[14], head[15], head[17], head[18]
        begin = at + CENTRAL_HEAD.size
        at = begin + long + extra + comment
        if at > len(data):
            raise Damaged("damaged", f"directory +{begin}")
        raw = data[begin : begin + long]
        extras = extra_fields(data[begin + long : begin + long + extra])
        size, packed, offset, disk = _wide(extras.get(1, b""), size, packed, offset, disk)
        if disk:
            raise Damaged("split", f"disk {disk}")
        if FULL32 in (size, packed, offset):
            raise Damaged("damaged", f"ZIP64: {names.shown(names.decoded(raw, extras))}")
        mode = attributes >> 16 if system in UNIXES else 0
        name = names.decoded(raw, extras)
        yield Entry(name, raw, flags, method, crc, packed, size, offset + base, mode, tuple(extras))


def _wide(field: bytes, size: int, packed: int, offset: int, disk: int) -> tuple[int, int, int, int]:
    """The values behind the full ones: the ZIP64 field holds only those, in this order (APPNOTE 4.5.3)."""
    values = [size, packed, offset, disk]
    at = 0
    for index, (full, width) in enumerate(((FULL32, 8), (FULL32, 8), (FULL32, 8), (FULL16, 4))):
        if values[index] == full and at + width <= len(field):
            values[index] = int.from_bytes(field[at : at + width], "little")
            at += width
    return values[0], values[1], values[2], values[3]


def extra_fields(data: bytes) -> dict[int, bytes]:
    """Extra fields by id, the first of each; what is cut short is left out."""
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<2H", data, at)
        fields.setdefault(kind, data[at + 4 : at + 4 + length])
        at += 4 + length
    return fields
