"""Zips with chosen lies in them."""

import io
import struct
import zipfile
from collections.abc import Mapping

from tests.data.make_packages import RawInfo


def zipped(members: Mapping[str | bytes, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    """An honest zip in memory; a name in bytes is written as it is."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            info = RawInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return buffer.getvalue()


def streamed(members: Mapping[str, bytes]) -> bytes:
    """A zip written to a pipe: sizes and CRCs follow the data in descriptors."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise io.UnsupportedOperation

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return pipe.getvalue()


def directory_at(data: bytes) -> int:
    """Where the directory of a zip begins."""
    return int.from_bytes(data[data.rindex(b"PK\5\6") + 16 :][:4], "little")


def change(data: bytes, at: int, value: int, width: int) -> bytes:
    """The bytes with one little-endian number replaced."""
    return data[:at] + value.to_bytes(width, "little") + data[at + width :]


def in_directory(data: bytes, field: int, value: int, width: int) -> bytes:
    """A field of the first directory entry replaced, by its place in APPNOTE 4.3.12: 8 flags, 10 method, 16 CRC,
    20 packed, 24 size, 34 disk, 42 offset."""
    return change(data, directory_at(data) + field, value, width)


def in_both(data: bytes, field: int, value: int, width: int) -> bytes:
    """The same in the first local header as well, where it lies two bytes earlier."""
    return change(in_directory(data, field, value, width), field - 2, value, width)


def in_end(data: bytes, field: int, value: int, width: int) -> bytes:
    """A field of the end record replaced: 4 disk, 10 entries, 12 size, 16 offset."""
    return change(data, data.rindex(b"PK\5\6") + field, value, width)


def long_form(data: bytes, more: bytes = b"") -> bytes:
    """The same zip with its end in ZIP64 form (APPNOTE 4.3.14), `more` after the record's known fields."""
    at = data.rindex(b"PK\5\6")
    _, _, _, here, entries, size, offset, _ = struct.unpack("<4s4H2LH", data[at : at + 22])
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44 + len(more), 45, 45, 0, 0, here, entries, size, offset) + more
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    full = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return data[:at] + record + locator + full
