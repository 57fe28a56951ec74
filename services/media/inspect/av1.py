"""The picture an AV1 stream declares in its sequence header (AV1 Bitstream & Decoding Process, 5.5)."""

from typing import Final

from services.media.inspect.bits import Bits, Declared
from services.media.inspect.models import Damaged

SEQUENCE_HEADER: Final = 1
UNITS_AT: Final = 4
"""Bytes of an `av1C` before its units (AV1 in ISOBMFF, 2.3.3)."""
TIERED: Final = 7
"""Levels above this one also name a tier."""


def from_configuration(data: bytes) -> Declared | None:
    """The sequence header of an `av1C`; None where it has none."""
    at = UNITS_AT
    while at < len(data):
        kind, extended, sized = data[at] >> 3 & 0xF, data[at] & 4, data[at] & 2
        at += 2 if extended else 1
        length, at = _leb128(data, at) if sized else (len(data) - at, at)
        if at + length > len(data):
            raise Damaged("damaged", "av1C")
        if kind == SEQUENCE_HEADER:
            return from_sequence_header(data[at : at + length])
        at += length
    return None


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : at + 8]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, at + index + 1
    raise Damaged("damaged", "av1C")


def from_sequence_header(payload: bytes) -> Declared:
    """The largest frame of the sequence; its samples are square."""
    bits = Bits(payload[:256], "sequence header")
    bits.take(4)
    if bits.take(1):
        bits.take(5)
    else:
        _skip_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return Declared(bits.size(bits.take(wide) + 1, bits.take(high) + 1))


def _skip_points(bits: Bits) -> None:
    """Timing and operating points."""
    delay = 0
    if bits.take(1):
        bits.take(64)
        if bits.take(1):
            bits.golomb()
        if bits.take(1):
            delay = bits.take(5) + 1
            bits.take(42)
    displayed = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > TIERED:
            bits.take(1)
        if delay and bits.take(1):
            bits.take(2 * delay + 1)
        if displayed and bits.take(1):
            bits.take(4)
