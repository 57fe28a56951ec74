"""A few samples of a video as a tiny mp4 of their own, for a decoder to try (ISO/IEC 14496-12)."""

import struct
from collections.abc import Sequence
from typing import Final

from services.media.inspect.tracks import Track

APART: Final = 1000
"""Ticks from one place of the film to the next in the excerpt, more than any place has samples."""


def excerpt(track: Track, places: Sequence[Sequence[bytes]]) -> bytes:
    """The samples of each place, a tick apart; a place begins at its number times `APART`. One file, its index first,
    that refers to nothing outside."""
    samples = [sample for place in places for sample in place]
    lengths = [step for place in places for step in (*[1] * (len(place) - 1), APART - len(place) + 1)]
    brand = _box(b"ftyp", b"isom\0\0\2\0isom")
    size = len(_movie(track, samples, lengths, 0))
    data = b"".join(samples)
    return brand + _movie(track, samples, lengths, len(brand) + size + 8) + _box(b"mdat", data)


def _movie(track: Track, samples: Sequence[bytes], lengths: Sequence[int], start: int) -> bytes:
    last = sum(lengths)
    matrix = _ints(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    size = _ints(track.claimed.width << 16, track.claimed.height << 16)
    reference = _full(b"dref", _ints(1) + _full(b"url ", b"", 1))
    table = _box(
        b"stbl",
        _box(b"stsd", bytes(track.described.data) if track.described else b""),
        _full(b"stts", _ints(len(lengths), *(number for length in lengths for number in (1, length)))),
        _full(b"stsc", _ints(1, 1, len(samples), 1)),
        _full(b"stsz", _ints(0, len(samples), *map(len, samples))),
        _full(b"stco", _ints(1, start)),
    )
    media = _box(
        b"mdia",
        _full(b"mdhd", _ints(0, 0, APART, last, 0x55C40000)),
        _full(b"hdlr", _ints(0) + b"vide" + bytes(13)),
        _box(b"minf", _full(b"vmhd", bytes(8), 1), _box(b"dinf", reference), table),
    )
    header = _full(b"tkhd", _ints(0, 0, 1, 0, last) + bytes(16) + matrix + size, 3)
    whole = _full(b"mvhd", _ints(0, 0, APART, last, 0x10000, 0x1000000) + bytes(8) + matrix + bytes(24) + _ints(2))
    return _box(b"moov", whole, _box(b"trak", header, media))


def _box(kind: bytes, *content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + sum(map(len, content)), kind) + b"".join(content)


def _full(kind: bytes, content: bytes, flags: int = 0) -> bytes:
    return _box(kind, _ints(flags), content)


def _ints(*numbers: int) -> bytes:
    return struct.pack(f">{len(numbers)}I", *numbers)
