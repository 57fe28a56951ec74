"""One block of a RAR, version 4 or 5 (rarlab.com/technote.htm): read by `rarfile`, written by ourselves.

`rarfile` is given one header at a time and nothing else: it opens no file, follows no volume and starts no tool.
"""

import io
import struct
import zlib

import rarfile

from services.media.inspect import names
from services.media.inspect.models import Damaged, FaultCode
from services.media.inspect.source import Source, exactly


class Rar4(rarfile.RAR3Parser):  # type: ignore[misc] # published without types
    """Header by header; comments, for which `rarfile` would start a tool, are left alone."""

    def _parse_subblocks(self, block: object, data: bytes, at: int) -> int:
        return at

    def _decode(self, name: bytes) -> str:
        return names.decoded(name, {})


class Rar5(rarfile.RAR5Parser):  # type: ignore[misc] # the same
    """Header by header."""

    def _parse_block_header(self, window: "Window") -> "rarfile.RarInfo | None":
        """A block that is new to `rarfile` as well, where it says that it may be skipped."""
        info, data = super()._parse_block_header(window), window.getvalue()
        if info or zlib.crc32(data[4:]) != int.from_bytes(data[:4], "little"):
            return info
        unknown, _ = self._parse_block_common(rarfile.Rar5Info(), data)
        return unknown if unknown.flags & rarfile.RAR_SKIP_IF_UNKNOWN else None

    def _parse_file_block(self, block: "rarfile.RarInfo", data: bytes, at: int) -> "rarfile.RarInfo":
        """With the length of its name, which is cut at its first NUL."""
        info = super()._parse_file_block(block, data, at)
        for _ in range(3):
            _, at = rarfile.load_vint(data, at)
        for flag in (rarfile.RAR5_FILE_FLAG_HAS_MTIME, rarfile.RAR5_FILE_FLAG_HAS_CRC32):
            at += 4 if info.file_flags & flag else 0
        for _ in range(2):
            _, at = rarfile.load_vint(data, at)
        info._name_size, _ = rarfile.load_vint(data, at)
        return info


async def header_length(source: Source, at: int, version: int) -> int:
    """Bytes of the header that begins at a place."""
    near = await exactly(source, at, min(15, source.size - at))
    if version == 4:
        length = int.from_bytes(near[5:7], "little")
        least = 7
    else:
        length, least = _number(near, 4), 7
    if len(near) < least or length < least or at + length > source.size:
        code: FaultCode = "truncated" if len(near) < least or at + length > source.size else "damaged"
        raise Damaged(code, f"header @{at}, {source.size} B")
    return length


def _number(near: bytes, at: int) -> int:
    """The length of a RAR5 header, which follows its CRC, together with both."""
    value = shift = 0
    for place in range(at, min(at + 3, len(near))):
        value |= (near[place] & 0x7F) << shift
        shift += 7
        if near[place] < 0x80:
            return place + 1 + value
    raise Damaged("truncated" if len(near) < at + 3 else "damaged", "header length")


class Window(io.BytesIO):
    """One header, at its place in the file."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data)
        self._at = at

    def tell(self) -> int:
        return self._at + super().tell()


def parse(data: bytes, at: int, version: int) -> "rarfile.RarInfo":
    """What a header says. Whatever `rarfile` raises is the header's fault: there is nothing else it could read."""
    kind = Rar4 if version == 4 else Rar5
    parser = kind(None, None, True, "gb18030", False, None, 0, True)
    try:
        info = parser._parse_block_header(Window(data, at))
    except Exception as error:  # see above
        raise Damaged("damaged", f"header @{at}: {type(error).__name__}") from error
    if info is None:
        raise Damaged("damaged", f"header @{at}: CRC")
    return info


def block4(kind: int, flags: int, said: bytes = b"") -> bytes:
    """A header as RAR 4 writes them."""
    rest = struct.pack("<BHH", kind, flags, 7 + len(said)) + said
    return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest


def block5(kind: int, flags: int, said: bytes = b"") -> bytes:
    """A header as RAR 5 writes them."""
    rest = number(kind) + number(flags) + said
    rest = number(len(rest)) + rest
    return struct.pack("<L", zlib.crc32(rest)) + rest


def number(value: int) -> bytes:
    """A whole number as RAR 5 writes them: seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
