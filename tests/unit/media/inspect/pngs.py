"""PNGs put together chunk by chunk."""

import struct
import zlib

SIGN = b"\x89PNG\r\n\x1a\n"
END = (b"IEND", b"")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, *chunks: tuple[bytes, bytes], laced: int = 0) -> bytes:
    header = struct.pack(">LL5B", width, height, depth, colour, 0, 0, laced)
    return SIGN + b"".join(chunk(*each) for each in ((b"IHDR", header), *chunks))


def pixels(count: int) -> tuple[bytes, bytes]:
    return b"IDAT", zlib.compress(bytes(count))
