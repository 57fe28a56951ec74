"""OLE files, which old Office documents are."""

import struct
from collections.abc import Mapping

SECTOR = 512
END, FREE = 0xFFFFFFFE, 0xFFFFFFFF


def ole(streams: Mapping[str, bytes]) -> bytes:
    """An OLE file of these streams, one allocation table, and as many sectors of directory as it takes."""
    rows = -(-(len(streams) + 1) // 4)
    table, begins = [0xFFFFFFFD, *range(2, rows + 1), END], list[int]()
    for data in streams.values():
        begins.append(len(table))
        count = -(-len(data) // SECTOR)
        table += [*range(len(table) + 1, len(table) + count), END] if count else []
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<9L", 0, 1, 1, 0, 4096, END, 0, END, 0) + struct.pack("<109L", 0, *[FREE] * 108)
    directory = _row("Root Entry", 5, END, 0)
    directory += b"".join(
        _row(name, 2, begin, len(data)) for (name, data), begin in zip(streams.items(), begins, strict=True)
    )
    parts = [header, struct.pack("<128L", *table, *[FREE] * (128 - len(table))), directory.ljust(rows * SECTOR, b"\0")]
    return b"".join([*parts, *(data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0") for data in streams.values())])


def _row(name: str, kind: int, begin: int, size: int) -> bytes:
    raw = name.encode("utf-16-le")
    said = struct.pack("<64sHBB3L", raw, len(raw) + 2, kind, 1, FREE, FREE, FREE)
    return said + bytes(36) + struct.pack("<LQ", begin, size)
