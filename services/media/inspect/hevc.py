"""The picture an H.265 stream declares in its sequence parameter set (ITU-T H.265, 7.3.2.2 and E.2.1)."""

from collections.abc import Iterator
from typing import Final

from services.media.inspect.bits import SQUARE, Bits, Declared
from services.media.inspect.h264 import declared_aspect, unescaped
from services.media.inspect.models import Damaged

PARAMETER_SET: Final = 33
ARRAYS_AT: Final = 22
"""Bytes of an `hvcC` before its arrays of units (ISO/IEC 14496-15, 8.3.3.1)."""
SUBSAMPLED: Final = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}
LISTS: Final = 64
"""Reference picture sets, and long-term pictures, a parameter set may have at most."""


def from_configuration(data: bytes) -> Declared | None:
    """The first parameter set of an `hvcC`; None where it has none."""
    unit = next((unit for unit in _units(data) if unit[0] >> 1 & 0x3F == PARAMETER_SET), None)
    return from_parameter_set(unescaped(unit[2:])) if unit else None


def _units(data: bytes) -> Iterator[bytes]:
    at = ARRAYS_AT + 1
    for _ in range(data[ARRAYS_AT] if len(data) > ARRAYS_AT else 0):
        count, at = int.from_bytes(data[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(data[at : at + 2], "big")
            unit, at = data[at + 2 : at + 2 + length], at + 2 + length
            if len(unit) < length or length < 3:
                raise Damaged("damaged", "hvcC")
            yield unit


def from_parameter_set(payload: bytes) -> Declared:
    """What a parameter set says, its unit's header and its emulation prevention taken away."""
    bits = Bits(payload[:2048], "SPS")
    bits.take(4)
    layers = bits.take(3)
    bits.take(1)
    _skip_profile(bits, layers)
    bits.golomb()
    chroma = bits.golomb()
    if chroma not in SUBSAMPLED:
        raise Damaged("damaged", "SPS")
    separate = bits.take(1) if chroma == 3 else 0
    width, height = bits.golomb(), bits.golomb()
    crop_x, crop_y = SUBSAMPLED[0 if separate else chroma]
    if bits.take(1):
        left, right, top, bottom = bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()
        width, height = width - (left + right) * crop_x, height - (top + bottom) * crop_y
    size = bits.size(width, height)
    try:
        _skip_tools(bits, layers)
        return Declared(size, declared_aspect(bits) if bits.take(1) else SQUARE)
    except Damaged:
        return Declared(size)


def _skip_profile(bits: Bits, layers: int) -> None:
    bits.take(88)
    bits.take(8)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for profile, level in present:
        bits.take(88 * profile + 8 * level)


def _skip_tools(bits: Bits, layers: int) -> None:
    """Everything between the size and the usability information."""
    bits.golomb()
    bits.golomb()
    order = bits.golomb() + 4
    for _ in range(3 * (layers + 1 if bits.take(1) else 1)):
        bits.golomb()
    for _ in range(6):
        bits.golomb()
    if bits.take(1) and bits.take(1):
        _skip_scaling(bits)
    bits.take(2)
    if bits.take(1):
        bits.take(8)
        bits.golomb()
        bits.golomb()
        bits.take(1)
    _skip_references(bits)
    if bits.take(1):
        for _ in range(min(bits.golomb(), LISTS)):
            bits.take(order + 1)
    bits.take(2)


def _skip_scaling(bits: Bits) -> None:
    for size in range(4):
        for _ in range(0, 6, 3 if size == 3 else 1):
            if not bits.take(1):
                bits.golomb()
                continue
            if size > 1:
                bits.signed_golomb()
            for _ in range(min(64, 1 << (4 + 2 * size))):
                bits.signed_golomb()


def _skip_references(bits: Bits) -> None:
    before = 0
    for index in range(min(bits.golomb(), LISTS + 1)):
        if index and bits.take(1):
            bits.take(1)
            bits.golomb()
            before = sum(bool(bits.take(1) or bits.take(1)) for _ in range(before + 1))
        else:
            before = bits.golomb() + bits.golomb()
            for _ in range(min(before, LISTS)):
                bits.golomb()
                bits.take(1)
