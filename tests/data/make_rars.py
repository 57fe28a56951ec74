"""Writes RAR 4 and RAR 5 archives (rarlab.com/technote.htm), honest ones and others: stored, or packed by the simplest
code the formats allow, in which every byte stands for itself after a table that says so."""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

SIGN4: Final = b"Rar!\x1a\x07\x00"
SIGN5: Final = b"Rar!\x1a\x07\x01\x00"
SYMBOLS: Final = {1: "00", 8: "01", 9: "10", 17: "110", 19: "111"}
"""The code tables are written in: lengths of 1, 8 and 9, the last one again, zeros."""
LENGTHS: Final = "".join(f"{len(SYMBOLS.get(symbol, '')):04b}" for symbol in range(20))
BLOCK: Final = 2**20
DATE: Final = 43 << 25 | 7 << 21 | 1 << 16
"""1 July 2023, as MS-DOS writes it."""


@dataclass(frozen=True)
class Member:
    """A member, with whatever is to be said about it that is not so."""

    name: bytes
    data: bytes = b""
    packed: bool = False
    size: int | None = None
    crc: int | None = None
    flags: int = 0
    """RAR 4: more flags of the header; RAR 5: of the file."""
    block_flags: int = 0
    host: int = 0
    """RAR 4: 2 Windows, 3 Unix; RAR 5: 0 Windows, 1 Unix."""
    mode: int = 0x20
    extra: bytes = b""
    """RAR 5: records after the name."""
    version: int = 29
    method: int | None = None
    """RAR 5: the whole field of how it is packed."""
    solid: bool = False
    service: bool = False
    """Whether it is a comment or the like, and no file."""
    blake: bytes = b""
    """RAR 5: BLAKE2sp of the contents, in place of their CRC."""
    summed: bool = True
    """RAR 5: whether there is either."""


def vint(value: int) -> bytes:
    """A number as RAR 5 writes them."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def record(kind: int, data: bytes) -> bytes:
    """A record after the name of a RAR 5 member."""
    return vint(len(vint(kind) + data)) + vint(kind) + data


def block4(kind: int, flags: int, said: bytes = b"", data: bytes = b"") -> bytes:
    """A block of RAR 4."""
    rest = struct.pack("<BHH", kind, flags, 7 + len(said)) + said
    return struct.pack("<H", zlib.crc32(rest) & 0xFFFF) + rest + data


def block5(kind: int, flags: int, said: bytes = b"", data: bytes = b"") -> bytes:
    """A block of RAR 5."""
    rest = vint(kind) + vint(flags) + said
    rest = vint(len(rest)) + rest
    return struct.pack("<L", zlib.crc32(rest)) + rest + data


def rar4(*members: Member, main: int = 0, end: int = 0x4000) -> bytes:
    """A RAR 4 of the members; `main` and `end` are the flags of its first and last header."""
    return b"".join([SIGN4, block4(0x73, main, bytes(6)), *map(_member4, members), block4(0x7B, end)])


def rar5(*members: Member, main: int = 0, end: int = 0, before: bytes = b"") -> bytes:
    """A RAR 5 of the members; `before` stands between its first header and them."""
    first = block5(1, 0, vint(main) + (vint(1) if main & 2 else b""))
    return b"".join([SIGN5, first, before, *map(_member5, members), block5(5, 0, vint(end))])


def _member4(member: Member) -> bytes:
    data = pack4(member.data) if member.packed else member.data
    crc = zlib.crc32(member.data) if member.crc is None else member.crc
    size = len(member.data) if member.size is None else member.size
    method = (0x33 if member.packed else 0x30) if member.method is None else member.method
    sizes = len(data), size & 0xFFFFFFFF
    said = struct.pack(
        "<LLBLLBBHL", *sizes, member.host or 2, crc, DATE, member.version, method, len(member.name), member.mode
    )
    flags = 0x8000 | member.flags | (0x10 if member.solid else 0)
    return block4(0x7A if member.service else 0x74, flags, said + member.name, data)


def _member5(member: Member) -> bytes:
    data = pack5(member.data) if member.packed else member.data
    crc = zlib.crc32(member.data) if member.crc is None else member.crc
    size = len(member.data) if member.size is None else member.size
    method = ((3 << 7) if member.packed else 0) if member.method is None else member.method
    check = b"" if member.blake or not member.summed else struct.pack("<L", crc)
    said = vint((4 if check else 0) | member.flags) + vint(size) + vint(member.mode) + check
    said += vint(method | (0x40 if member.solid else 0)) + vint(member.host) + vint(len(member.name)) + member.name
    records = member.extra + (record(2, b"\0" + member.blake) if member.blake else b"")
    flags = 2 | (1 if records else 0) | member.block_flags
    length = vint(len(records)) if records else b""
    return block5(3 if member.service else 2, flags, length + vint(len(data)) + said + records, data)


def _again(count: int) -> str:
    """The last length `count` times more, up to 138."""
    return SYMBOLS[17] + f"{count - 11:07b}"


def _zeros(count: int) -> str:
    return SYMBOLS[19] + f"{count - 11:07b}"


def _others(*alphabets: int) -> str:
    """Tables for what never comes: the first two symbols of each have a code of 1 bit."""
    return "".join(2 * SYMBOLS[1] + _zeros(size - 2) for size in alphabets)


def pack4(data: bytes) -> bytes:
    """Bytes packed as RAR 2.9 to 4 do: no PPM, no table from before, a table, the bytes, the end of the file and that
    the next one has its own table. The last byte and the end have codes of 9 bits."""
    literals = SYMBOLS[8] + _again(138) + _again(116) + 2 * SYMBOLS[9] + _zeros(299 - 257)
    codes = [f"{byte:08b}" for byte in range(255)] + ["111111110"]
    text = "".join(codes[byte] for byte in data) + "111111111" + "01"
    bits = "00" + LENGTHS + literals + _others(60, 17, 28) + text
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def pack4_filtered(data: bytes, program: bytes) -> bytes:
    """The same after a filter, a program that is run over what comes out. Here two bytes and four symbols more have
    codes of 9 bits."""
    literals = SYMBOLS[8] + _again(138) + _again(115) + 4 * SYMBOLS[9] + _zeros(299 - 258)
    codes = [f"{byte:08b}" for byte in range(254)] + ["111111100", "111111101"]
    said = "000000" + "000000" + "00" + f"{10:04b}" + f"00{len(program):04b}" + "".join(map("{:08b}".format, program))
    said = said.ljust(-(-len(said) // 8) * 8, "0")
    text = "111111111" + f"{0xA0 | len(said) // 8 - 1:08b}" + said
    text += "".join(codes[byte] for byte in data) + "111111110" + "01"
    bits = "00" + LENGTHS + literals + _others(60, 17, 28) + text
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def pack5(data: bytes) -> bytes:
    """Bytes packed as RAR 5 does: blocks of at most 1 MiB, the first of which has a table."""
    table = LENGTHS + SYMBOLS[8] + _again(138) + _again(117) + _zeros(306 - 256) + _others(64, 16, 44)
    out = list[bytes]()
    for at in range(0, len(data), BLOCK):
        first, last = at == 0, at + BLOCK >= len(data)
        content = _after(table if first else "", data[at : at + BLOCK])
        bits = (len(table) % 8 if first else 0) or 8
        flags = (bits - 1) | 2 << 3 | (0x40 if last else 0) | (0x80 if first else 0)
        size = len(content).to_bytes(3, "little")
        check = 0x5A ^ flags ^ size[0] ^ size[1] ^ size[2]
        out.append(bytes([flags, check]) + size + content)
    return b"".join(out)


def _after(bits: str, data: bytes) -> bytes:
    """Bytes that follow bits."""
    shift = -len(bits) % 8
    whole = (int(bits or "0", 2) << 8 * len(data)) | int.from_bytes(data, "big")
    return (whole << shift).to_bytes((len(bits) + 8 * len(data) + shift) // 8, "big")
