"""The picture an H.264 stream declares in its sequence parameter set (ITU-T H.264, 7.3.2.1.1 and E.1.1)."""

from fractions import Fraction
from typing import Final

from services.media.inspect.bits import SQUARE, Bits, Declared, aspect
from services.media.inspect.models import Damaged

HIGH_PROFILES: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
ASPECTS: Final = (
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11), (15, 11),
    (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip
"""Sample aspects by aspect_ratio_idc (Table E-1); 0 is unspecified, taken as square."""
EXTENDED_ASPECT: Final = 255


def from_configuration(data: bytes) -> Declared | None:
    """The first parameter set of an `avcC` (ISO/IEC 14496-15, 5.3.3.1); None where it has none."""
    if len(data) < 8 or not data[5] & 0x1F:
        return None
    length = int.from_bytes(data[6:8], "big")
    unit = data[8 : 8 + length]
    if len(unit) < length or length < 5:
        raise Damaged("damaged", "avcC")
    return from_parameter_set(unescaped(unit[1:]))


def unescaped(unit: bytes) -> bytes:
    """A unit's payload without its emulation prevention (7.4.1)."""
    return unit.replace(b"\0\0\3", b"\0\0")


def from_parameter_set(payload: bytes) -> Declared:
    """What a parameter set says, its unit's header and its emulation prevention taken away."""
    bits = Bits(payload[:512], "SPS")
    profile = bits.take(24) >> 16
    bits.golomb()
    chroma, separate = _chroma(bits, profile) if profile in HIGH_PROFILES else (1, 0)
    bits.golomb()
    _skip_order(bits)
    bits.golomb()
    bits.take(1)
    width, height = (bits.golomb() + 1) * 16, (bits.golomb() + 1) * 16
    frames_only = bits.take(1)
    bits.take(1 if frames_only else 2)
    lines = 2 - frames_only
    height *= lines
    crop_x, crop_y = {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[0 if separate else chroma]
    if bits.take(1):
        left, right, top, bottom = bits.golomb(), bits.golomb(), bits.golomb(), bits.golomb()
        width -= (left + right) * crop_x
        height -= (top + bottom) * crop_y * lines
    return Declared(bits.size(width, height), declared_aspect(bits) if bits.take(1) else SQUARE)


def _chroma(bits: Bits, profile: int) -> tuple[int, int]:
    chroma = bits.golomb()
    if chroma > 3:
        raise Damaged("damaged", "SPS")
    separate = bits.take(1) if chroma == 3 else 0
    bits.golomb()
    bits.golomb()
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _skip_scaling(bits, 16 if index < 6 else 64)
    return chroma, separate


def _skip_scaling(bits: Bits, size: int) -> None:
    scale = after = 8
    for _ in range(size):
        if after:
            after = (scale + bits.signed_golomb()) % 256
        scale = after or scale


def _skip_order(bits: Bits) -> None:
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(min(bits.golomb(), 256)):
            bits.golomb()


def declared_aspect(bits: Bits) -> Fraction:
    """What the usability information begins with, the same in H.264 and H.265."""
    if not bits.take(1):
        return SQUARE
    index = bits.take(8)
    wide, high = (bits.take(16), bits.take(16)) if index == EXTENDED_ASPECT else (1, 1)
    return aspect(*ASPECTS[index]) if index < len(ASPECTS) else aspect(wide, high)
