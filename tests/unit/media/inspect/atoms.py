"""Videos with chosen lies in their index."""

import struct
from collections.abc import Callable

Change = Callable[[bytes], bytes]


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kinds and contents of boxes in a row, their sizes in 32 bits."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append((data[at + 4 : at + 8], data[at + 8 : at + size]))
        at += size
    return found


def changed(data: bytes, path: bytes, change: Change, nth: int = 0) -> bytes:
    """The bytes with what a box holds replaced, and the sizes around it kept right. `path` such as `moov/trak/mdia`
    means the first box of each kind, `nth` the one to take of the second, such as the track. Offsets stay: the index
    has to lie behind the data."""
    kind, _, rest = path.partition(b"/")
    met, out = 0, b""
    for each, content in boxes(data):
        if each == kind:
            met += 1
            if met == 1 + (nth if kind == b"trak" else 0):
                content = changed(content, rest, change, nth) if rest else change(content)
        out += box(each, content)
    assert met
    return out


def renamed(data: bytes, path: bytes, kind: bytes) -> bytes:
    """The bytes with a box of another kind in the place of one."""
    parent, _, last = path.rpartition(b"/")
    return changed(data, parent, lambda inside: b"".join(box(kind if k == last else k, c) for k, c in boxes(inside)))


STBL = b"moov/trak/mdia/minf/stbl/"


def numbers(values: list[int], layout: str = "I") -> bytes:
    return struct.pack(f">{len(values)}{layout}", *values)
