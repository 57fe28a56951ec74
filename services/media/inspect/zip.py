"""Reads the directory of a zip in place (PKWARE APPNOTE 6.3.10): stored or deflated, ZIP64, data descriptors."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from services.media.inspect import bounds, names
from services.media.inspect.ending import CENTRAL, END, FULL16, FULL32, NEAR_END, End, end_record
from services.media.inspect.models import Damaged, Fault, FaultCode
from services.media.inspect.source import Source, exactly

STORED: Final = 0
DEFLATED: Final = 8
AES: Final = 99
METHODS: Final = {
    1: "shrink", 2: "reduce", 3: "reduce", 4: "reduce", 5: "reduce", 6: "implode", 9: "deflate64", 10: "PKWARE implode",
    12: "bzip2", 14: "lzma", 16: "IBM cmpsc", 18: "IBM terse", 19: "lz77", 20: "zstd", 93: "zstd", 94: "mp3", 95: "xz",
    96: "jpeg", 97: "wavpack", 98: "ppmd",
}  # fmt: skip
LOCAL: Final = b"PK\3\4"
SIGNATURE: Final = b"PK\5\5"
"""What a directory may end with (APPNOTE 4.3.13)."""
CENTRAL_HEAD: Final = struct.Struct("<4s4B4H3L5H2L")
LOCAL_HEAD: Final = struct.Struct("<4s5H3L2H")
STRONG, MASKED = 0x0040, 0x2000
"""Flags of PKWARE's own encryption: of the data, and of the directory, whose local headers are then masked."""
ENCRYPTED: Final = 0x0001 | STRONG | MASKED
STRONG_FIELD: Final = 0x0017
ZIP64: Final = 0x0001
"""The extra field of the values that find no room (APPNOTE 4.5.3)."""
UNIXES: Final = (3, 19)
"""Systems whose entries always carry a Unix mode: Unix and macOS (APPNOTE 4.4.2)."""
SPECIAL: Final = {0xA000: "symlink", 0x1000: "device", 0x2000: "device", 0x6000: "device", 0xC000: "device"}
"""Types of a Unix mode that are no file or folder; 7-Zip and others write one whatever the system."""
PIPE, FOLDER, FILE, TYPE_MASK = 0x1000, 0x4000, 0x8000, 0xF000
DOS_FOLDER, REPARSE = 0x10, 0x400
POINTER: Final = 16 * 2**10
"""Bytes of the longest text that says where a Windows link leads; a longer file marked as one was followed."""
NOTHING: Final = 5
"""Bytes nothing may be deflated to."""
DANGERS: Final[frozenset[FaultCode]] = frozenset({"path", "link", "size", "header", "ambiguous"})
"""What is wrong with leftovers too: whoever unpacks the archive unpacks them."""


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
    system: int
    attributes: int
    extras: tuple[int, ...]

    @property
    def shown(self) -> str:
        return names.shown(self.name)

    @property
    def is_folder(self) -> bool:
        """Whether it is one by its name; where it is empty, its attributes may say so too."""
        marked = self.attributes & DOS_FOLDER or self.attributes >> 16 & TYPE_MASK == FOLDER
        return self.name.endswith(("/", "\\")) or bool(marked and not self.size and self.packed <= NOTHING)

    @property
    def ends_after(self) -> int:
        """Where its data cannot end before, whatever its local header may call it."""
        return self.offset + LOCAL_HEAD.size + self.packed

    def faults(self) -> Iterator[Fault]:
        """What is wrong with this entry alone."""
        yield from names.faults(self.name, names.decoded(self.raw, {}))
        if kind := self._special():
            yield Fault("link", kind, self.shown)
        if self.flags & ENCRYPTED or self.method == AES:
            yield Fault("encrypted", self._cipher(), self.shown)
        elif self.method not in (STORED, DEFLATED) and not (self.is_folder and not self.packed):
            yield Fault("method", METHODS.get(self.method, str(self.method)), self.shown)
        elif self.method == STORED and self.packed != self.size:
            yield Fault("size", f"{self.packed} ≠ {self.size} B", self.shown)
        if self.is_folder and self.size:
            yield Fault("folder", f"{self.size} B", self.shown)

    def _special(self) -> str | None:
        """What it is where it is neither file nor folder. What was packed from a pipe carries a pipe's mode."""
        kind = self.attributes >> 16 & TYPE_MASK
        if self.attributes & REPARSE and self.size <= POINTER and self.system not in UNIXES:
            return "symlink"
        if self.system in UNIXES and kind not in (0, FILE, FOLDER, *SPECIAL):
            return "device"
        return SPECIAL.get(kind) if kind != PIPE or not self.size else None

    def _cipher(self) -> str:
        strong = self.flags & (STRONG | MASKED) or STRONG_FIELD in self.extras
        return "AES" if self.method == AES else "PKWARE" if strong else "ZipCrypto"


@dataclass(frozen=True, slots=True)
class Directory:
    """The members of a zip in the order their bytes lie in, and what is wrong with them."""

    entries: tuple[Entry, ...]
    faults: tuple[Fault, ...]
    start: int = 0
    """Where the directory itself begins, after all members."""


async def read_directory(source: Source) -> Directory:
    """The directory of a zip. Damaged where it cannot be trusted as a whole."""
    end, after = await end_record(source)
    if end.entries > bounds.ENTRIES or end.size > bounds.DIRECTORY:
        raise Damaged("too-many", f"{end.entries} entries, {end.size} B")
    start, data = await _list(source, end)
    base, after = start - end.offset, after + end.start - start
    entries = sorted(_entries(data, base), key=lambda entry: entry.offset)
    if len(entries) != end.entries:
        raise Damaged("damaged", f"{len(entries)} ≠ {end.entries} entries")
    _refuse_overlap(entries, start)
    declared = sum(entry.size for entry in entries)
    if declared > bounds.inflated(source.size):
        raise Damaged("bomb", f"{declared} B")
    before = entries[0].offset if entries else base
    surplus = [Fault("surplus", f"{before} + {after} B")] if before or after else []
    return Directory(tuple(entries), (*listed_faults(entries), *surplus), start)


class Headless(Damaged):
    """The directory is there, and what should lie before it is not."""


async def _list(source: Source, end: End) -> tuple[int, bytes]:
    """Where the directory begins, and its bytes: right before its end record, or where that says with a few bytes
    between them."""
    if end.start < 0:
        raise Damaged("truncated", f"{end.offset} + {end.size} > {end.at} B")
    data = await exactly(source, end.start, end.size)
    if end.start < end.offset:
        lost = Headless if data.startswith(CENTRAL) else Damaged
        raise lost("truncated", f"开头缺少 missing at its beginning: {end.offset - end.start} B")
    if not data.startswith(CENTRAL) and 0 < end.start - end.offset <= NEAR_END:
        there = await exactly(source, end.offset, end.at - end.offset)
        if there.startswith(CENTRAL) and END not in there[end.size :]:
            return end.offset, there[: end.size]
    return end.start, data


def listed_faults(entries: Sequence[Entry]) -> Iterator[Fault]:
    """What is wrong with the entries, each alone and among the others; of what systems leave behind only what is
    dangerous."""
    seen = Paths(entry for entry in entries if not (names.is_leftover(entry.name) or entry.is_folder))
    for entry in entries:
        yield from heeded(entry, entry.faults())
        if not names.is_leftover(entry.name):
            yield from seen.faults(entry)


def heeded(entry: Entry, faults: Iterable[Fault]) -> Iterator[Fault]:
    """The faults of an entry that count: of what systems leave behind, those that endanger whoever unpacks it."""
    leftover = names.is_leftover(entry.name)
    yield from (fault for fault in faults if not leftover or fault.code in DANGERS)


class Paths:
    """The paths of an archive, and which of them meet: folders are made of one another, files are not."""

    def __init__(self, files: Iterable[Entry]) -> None:
        paths = [names.plain(entry.shown) for entry in files]
        self._files, self._folded = set(paths), {path.casefold(): path for path in reversed(paths)}
        self._seen: dict[str, Entry] = {}

    def faults(self, entry: Entry) -> Iterator[Fault]:
        """Where an entry meets one before it, or lies in what is a file."""
        path = names.plain(entry.shown)
        twin = self._seen.setdefault(path.casefold(), entry)
        meets = twin is not entry and not (twin.is_folder and entry.is_folder)
        above = [*names.folders(path)]
        if (meets and names.plain(twin.shown) == path) or not self._files.isdisjoint(above):
            yield Fault("duplicate", entry.shown, entry.shown)
        elif meets:
            yield Fault("case", twin.shown, entry.shown)
        elif other := next((self._folded[each.casefold()] for each in above if each.casefold() in self._folded), None):
            yield Fault("case", other, entry.shown)


def _refuse_overlap(entries: list[Entry], directory: int) -> None:
    if entries and entries[-1].offset >= directory:
        raise Damaged("damaged", f"{entries[-1].shown} @{entries[-1].offset} > {directory} B")
    for entry, following in pairwise(entries):
        if entry.ends_after > following.offset:
            raise Damaged("overlap", f"{entry.shown} / {following.shown}")
    if entries and entries[-1].ends_after > directory:
        raise Damaged("overlap", f"{entries[-1].shown} / directory")


def _entries(data: bytes, base: int) -> Iterator[Entry]:
    at = 0
    while at < len(data):
        if data.startswith(SIGNATURE, at) and at + 6 + int.from_bytes(data[at + 4 : at + 6], "little") == len(data):
            return
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
        size, packed, offset, disk = _wide(extras.get(ZIP64, b""), size, packed, offset, disk)
        if disk:
            raise Damaged("split", f"disk {disk}")
        if FULL32 in (size, packed, offset):
            raise Damaged("damaged", f"ZIP64: {names.shown(names.decoded(raw, extras))}")
        name = names.decoded(raw, extras)
        yield Entry(name, raw, flags, method, crc, packed, size, offset + base, system, attributes, tuple(extras))


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
