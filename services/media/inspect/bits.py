"""Bits and Exp-Golomb numbers of a codec's headers, and what such headers declare."""

from fractions import Fraction
from typing import Final, NamedTuple

from contracts.rulebook.measures import Pixels
from services.media.inspect.models import Damaged

LARGEST: Final = 2**16
"""Samples on a side of the largest picture any codec admits."""
SQUARE: Final = Fraction(1)


class Declared(NamedTuple):
    """Cropped size in samples, and a sample's width to its height."""

    size: Pixels
    aspect: Fraction = SQUARE


class Bits:
    """Reads bits from the front. Damaged past the end."""

    def __init__(self, data: bytes, what: str) -> None:
        self._number = int.from_bytes(data, "big")
        self._left = len(data) * 8
        self._what = what

    def take(self, count: int) -> int:
        """An unsigned number of so many bits."""
        if count > self._left:
            raise Damaged("damaged", self._what)
        self._left -= count
        return (self._number >> self._left) & ((1 << count) - 1)

    def golomb(self) -> int:
        """ue(v) (ITU-T H.264, 9.1)."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise Damaged("damaged", self._what)
        return (1 << zeros) - 1 + self.take(zeros)

    def signed_golomb(self) -> int:
        """se(v)."""
        code = self.golomb()
        return (code + 1) // 2 if code % 2 else -(code // 2)

    def size(self, width: int, height: int) -> Pixels:
        """A picture's size. Damaged where no picture has it."""
        if not (0 < width <= LARGEST and 0 < height <= LARGEST):
            raise Damaged("damaged", f"{self._what} {width}x{height}")
        return Pixels(width, height)


def aspect(wide: int, high: int) -> Fraction:
    """A sample's width to its height; square where either is left open."""
    return Fraction(wide, high) if wide and high else SQUARE
