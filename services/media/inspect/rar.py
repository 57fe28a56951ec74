"""Lists the members of a RAR in place, versions 4 and 5 (rarlab.com/technote.htm), block by block."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import rarfile

from services.media.inspect import bounds, names
from services.media.inspect.models import Damaged, Fault
from services.media.inspect.rarblocks import block4, block5, header_length, number, parse
from services.media.inspect.source import Source, exactly, head
from services.media.inspect.zip import SPECIAL, STORED, TYPE_MASK, Directory, Entry, listed_faults

SIGNS: Final = {rarfile.RAR_ID: 4, rarfile.RAR5_ID: 5}
OLDEST: Final = b"RE~^"
"""What a RAR 1.4 begins with."""
COMPRESSED: Final = -1
"""The method of whatever is not stored; a zip has no such number."""
LINKS: Final = {1: "symlink", 2: "symlink", 3: "junction", 4: "hard link", 5: "reference"}
NEW_VERSION: Final = 0x3F
"""Bits of RAR5's compression field that say which algorithm: 0 is the one of RAR 5 and 6."""
DATE: Final = 1 << 21 | 1 << 16
"""The first day MS-DOS knows."""
WITHOUT_MODES: Final = (rarfile.RAR_OS_MSDOS, rarfile.RAR_OS_OS2, rarfile.RAR_OS_WIN32)
"""Systems whose entries carry attributes, and no Unix mode."""


@dataclass(frozen=True, slots=True)
class RarEntry(Entry):
    """One member of a RAR. `start` is where its packed bytes begin; `header` is how it is described to a tool that
    unpacks it: its sizes and the way it is packed, and not a byte more of what was handed in."""

    start: int = 0
    header: bytes = b""
    check: bytes | None = None
    """BLAKE2sp of the contents, where that was chosen over a CRC."""
    solid: bool = False
    """Whether the archive's members are packed as one stream."""
    version: int = 5
    summed: bool = True
    """Whether there is a checksum of the contents."""
    wrong: tuple[Fault, ...] = ()
    """What RAR's own fields say against it."""

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")

    def faults(self) -> Iterator[Fault]:
        yield from names.faults(self.name, names.decoded(self.raw, {}))
        yield from self.wrong
        if self.is_folder and (self.size or self.packed):
            yield Fault("folder", f"{max(self.size, self.packed)} B", self.shown)


class Block(NamedTuple):
    """One header as `rarfile` understands it, and where what follows its data begins."""

    info: "rarfile.RarInfo"
    end: int


@dataclass
class Listing:
    """What the headers have said so far."""

    version: int
    solid: bool = False
    entries: list[RarEntry] = field(default_factory=list)
    blocks: int = 0
    spent: int = 0


async def read_rar(source: Source) -> Directory:
    """The members of a RAR. Damaged where it cannot be trusted as a whole, is one part of several, or hides its
    headers behind a password."""
    start = await head(source, len(rarfile.RAR5_ID))
    sign = next((sign for sign in SIGNS if start.startswith(sign)), None)
    if sign is None:
        raise Damaged("damaged", "RAR 1.4" if start.startswith(OLDEST) else "RAR > 6")
    listing, at = Listing(SIGNS[sign]), len(sign)
    while True:
        if at == source.size and listing.version == 4 and listing.blocks:
            break  # RAR 2 wrote no end.
        block = await _block(source, at, listing)
        at = block.end
        if not _heed(block.info, listing):
            break
    _refuse_bomb(source, listing)
    surplus = [Fault("surplus", f"0 + {source.size - at} B")] if at < source.size else []
    return Directory(tuple(listing.entries), (*listed_faults(listing.entries), *surplus))


async def _block(source: Source, at: int, listing: Listing) -> Block:
    length = await header_length(source, at, listing.version)
    listing.blocks += 1
    listing.spent += length
    if listing.blocks > bounds.ENTRIES or listing.spent > bounds.DIRECTORY:
        raise Damaged("too-many", f"> {listing.blocks - 1}")
    info = parse(await exactly(source, at, length), at, listing.version)
    end = at + length + info.add_size
    if end > source.size:
        raise Damaged("truncated", f"{end} > {source.size} B")
    return Block(info, end)


def _heed(info: "rarfile.RarInfo", listing: Listing) -> bool:
    """Take a header in; whether others follow."""
    if (info.type == rarfile.RAR_BLOCK_MAIN) != (listing.blocks == 1) and info.type != rarfile.RAR5_BLOCK_ENCRYPTION:
        raise Damaged("damaged", f"block {listing.blocks}")
    match info.type:
        case rarfile.RAR5_BLOCK_ENCRYPTION:
            raise Damaged("encrypted", "RAR, 文件名 names")
        case rarfile.RAR_BLOCK_MAIN:
            _heed_main(info, listing)
        case rarfile.RAR_BLOCK_FILE if not _is_older(info, listing.version):
            listing.entries.append(_entry(info, listing))
        case rarfile.RAR_BLOCK_ENDARC:
            if info.flags & rarfile.RAR_ENDARC_NEXT_VOLUME:
                raise Damaged("split", "RAR")
            return False
    return True


def _is_older(info: "rarfile.RarInfo", version: int) -> bool:
    """Whether it is an earlier version of a file, kept on request."""
    return bool(info.flags & rarfile.RAR_FILE_VERSION if version == 4 else info.file_version)


def _heed_main(info: "rarfile.RarInfo", listing: Listing) -> None:
    if info.flags & rarfile.RAR_MAIN_PASSWORD:
        raise Damaged("encrypted", "RAR, 文件名 names")
    later = rarfile.RAR_MAIN_VOLUME | rarfile.RAR_MAIN_NEWNUMBERING
    if listing.version == 4 and info.flags & (later | rarfile.RAR_MAIN_FIRSTVOLUME) == later:
        raise Damaged("split", "RAR")
    if getattr(info, "main_volume_number", None):
        raise Damaged("split", f"RAR {info.main_volume_number + 1}")
    listing.solid = bool(info.flags & rarfile.RAR_MAIN_SOLID)


def _entry(info: "rarfile.RarInfo", listing: Listing) -> RarEntry:
    if info.flags & (rarfile.RAR_FILE_SPLIT_BEFORE | rarfile.RAR_FILE_SPLIT_AFTER):
        raise Damaged("split", "RAR")
    name = _name(info, listing.version)
    stored = info.compress_type == rarfile.RAR_M0
    method = STORED if stored else COMPRESSED
    check = info.blake2sp_hash if info.CRC is None else None
    crc = int.from_bytes(check[:4], "little") if check else info.header_offset if info.CRC is None else info.CRC
    return RarEntry(
        *(name, info.orig_filename, 0, method, crc, info.compress_size, info.file_size, info.header_offset, 0, 0, ()),
        start=info.data_offset,
        header=_header(info, listing) if not stored else b"",
        check=check,
        solid=listing.solid,
        version=listing.version,
        summed=check is not None or info.CRC is not None,
        wrong=tuple(_wrong(info, names.shown(name), listing.version)),
    )


def _name(info: "rarfile.RarInfo", version: int) -> str:
    """RAR 4 packs Chinese names in a way of its own, which `rarfile` knows; all others are bytes, which it cuts at
    their first NUL: that is put back, for programs that go on."""
    packed = version == 4 and info.flags & rarfile.RAR_FILE_UNICODE
    cut = "\0" if not packed and info._name_size != len(info.orig_filename) else ""
    name = str(info.filename) if packed else names.decoded(info.orig_filename, {}) + cut
    return name.rstrip("/\\") + "/" if info.is_dir() else name


def _wrong(info: "rarfile.RarInfo", shown: str, version: int) -> Iterator[Fault]:
    kind = LINKS.get(info.file_redir[0], "link") if info.file_redir else None
    if not kind and info.host_os not in WITHOUT_MODES:
        kind = SPECIAL.get(info.mode & TYPE_MASK)
    if kind:
        yield Fault("link", kind, shown)
    if info.flags & rarfile.RAR_FILE_PASSWORD:
        yield Fault("encrypted", "RAR", shown)
    elif reason := _unknown_packing(info, version):
        yield Fault("method", reason, shown)
    elif info.compress_type == rarfile.RAR_M0 and info.compress_size != info.file_size and not kind:
        yield Fault("size", f"{info.compress_size} ≠ {info.file_size} B", shown)


def _unknown_packing(info: "rarfile.RarInfo", version: int) -> str | None:
    if version == 4:
        known = 0x30 <= info.compress_type <= 0x35 and (info.extract_version >= 20 or info.compress_type == 0x30)
        return None if known else f"RAR {info.extract_version / 10} / {info.compress_type:#x}"
    if info.file_flags & rarfile.RAR5_FILE_FLAG_UNKNOWN_SIZE:
        return "RAR -si"
    if info.file_compress_flags & NEW_VERSION:
        return "RAR 7"
    return f"RAR {_dictionary(info) >> 20} MiB" if _dictionary(info) > bounds.DICTIONARY else None


def _dictionary(info: "rarfile.RarInfo") -> int:
    """Bytes an unpacker must keep in memory (RAR 5: 128 KiB shifted by four bits)."""
    stored = info.compress_type == rarfile.RAR_M0
    return 0 if stored or info.is_dir() else 2**17 << (info.file_compress_flags >> 10 & 15)


def _header(info: "rarfile.RarInfo", listing: Listing) -> bytes:
    """The same member under a number for a name, without times, owners, comments or anything else; of RAR 5 without its
    checksum too, of which a tool that finds it wrong would say less than we can."""
    name = b"%d" % len(listing.entries)
    if listing.version == 4:
        flags = info.flags & (rarfile.RAR_FILE_DICTMASK | rarfile.RAR_FILE_SOLID) | rarfile.RAR_LONG_BLOCK
        sizes = info.compress_size & 0xFFFFFFFF, info.file_size & 0xFFFFFFFF
        packing = info.extract_version, info.compress_type
        said = struct.pack("<LLBLLBBHL", *sizes, 2, info.CRC, DATE, *packing, len(name), 0x20)
        return block4(rarfile.RAR_BLOCK_FILE, flags, said + name)
    packing = info.file_compress_flags & 0x3FFF
    said = number(0) + number(info.file_size) + number(0x20) + number(packing)
    return block5(2, 2, number(info.compress_size) + said + number(0) + number(len(name)) + name)


def _refuse_bomb(source: Source, listing: Listing) -> None:
    declared = sum(entry.size for entry in listing.entries)
    if declared > bounds.inflated(source.size):
        raise Damaged("bomb", f"{declared} B")
