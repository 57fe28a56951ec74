"""Sizes, spans, ratios and pixel counts as people write them in a rulebook: `300MiB`, `5min`, `16:9`, `1920x1080`."""

import re
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, PlainSerializer

SIZE_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30,
}  # fmt: skip
SPAN_UNITS = {
    "d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1), "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}  # fmt: skip
LARGEST_NUMBER = 10**9


def bytes_from(written: object) -> object:
    """`300MiB` → 314572800; a plain number is bytes. Units of 1000 are kB, MB, GB, of 1024 KiB, MiB, GiB."""
    if not isinstance(written, str):
        return written
    match = re.fullmatch(r"(-?\d+) ?([A-Za-z]+)", written)
    if match is None or match[2] not in SIZE_UNITS:
        raise ValueError(
            f"{written!r} is not a size; write a number with MB (1000 kB) or MiB (1024 KiB), such as 300MiB"
        )
    return int(match[1]) * SIZE_UNITS[match[2]]


def bytes_text(size: int) -> str:
    """The shortest exact way to write a size."""
    for unit, factor in sorted(SIZE_UNITS.items(), key=lambda each: -each[1]):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    raise AssertionError("every size is a whole number of bytes")


def span_from(written: object) -> object:
    """`5min`, `90s`, `1h`, `7d` → timedelta."""
    if isinstance(written, timedelta):
        return written
    match = re.fullmatch(r"(-?\d{1,12}) ?(ms|s|min|h|d)", written) if isinstance(written, str) else None
    if match is None or abs(int(match[1])) > LARGEST_NUMBER:
        raise ValueError(f"{written!r} is not a length of time; write a number and a unit, such as 5min (or s, h, d)")
    try:
        return int(match[1]) * SPAN_UNITS[match[2]]
    except OverflowError as error:
        raise ValueError(f"{written!r} is longer than a rulebook can hold") from error


def span_text(span: timedelta) -> str:
    """The shortest exact way to write a span, down to milliseconds."""
    for unit, length in SPAN_UNITS.items():
        if span % length == timedelta(0):
            return f"{span // length}{unit}"
    raise AssertionError("a rulebook's spans are whole milliseconds")


class Ratio(NamedTuple):
    """Width to height of a picture."""

    width: int
    height: int

    @property
    def value(self) -> Fraction:
        return Fraction(self.width, self.height)


def ratio_from(written: object) -> object:
    """`16:9` → Ratio(16, 9)."""
    if isinstance(written, Ratio):
        return written
    match = re.fullmatch(r"([1-9]\d{0,3}):([1-9]\d{0,3})", written) if isinstance(written, str) else None
    if match is None:
        raise ValueError(f"{written!r} is not a ratio of width to height; write it like 16:9")
    return Ratio(int(match[1]), int(match[2]))


class Pixels(NamedTuple):
    """Width and height of a picture, in pixels as displayed (after rotation)."""

    width: int
    height: int


def pixels_from(written: object) -> object:
    """`1920x1080` → Pixels(1920, 1080)."""
    if isinstance(written, Pixels):
        return written
    match = re.fullmatch(r"([1-9]\d{0,5})[x×]([1-9]\d{0,5})", written) if isinstance(written, str) else None
    if match is None:
        raise ValueError(f"{written!r} is not a picture size; write width x height in pixels, like 1920x1080")
    return Pixels(int(match[1]), int(match[2]))


def share_from(written: object) -> object:
    """`1%` → Fraction(1, 100)."""
    if isinstance(written, Fraction):
        return written
    match = re.fullmatch(r"(-?\d{1,6}(?:\.\d{1,6})?) ?%", written) if isinstance(written, str) else None
    if match is None:
        raise ValueError(f"{written!r} is not a share; write a number and a percent sign, like 1%")
    return Fraction(match[1]) / 100


def share_text(share: Fraction) -> str:
    """`1%`; a share is written with at most six decimals, so this is exact."""
    return f"{float(share * 100):.6f}".rstrip("0").rstrip(".") + "%"


Bytes = Annotated[int, BeforeValidator(bytes_from), PlainSerializer(bytes_text, return_type=str)]
Span = Annotated[timedelta, BeforeValidator(span_from), PlainSerializer(span_text, return_type=str)]
AspectRatio = Annotated[
    Ratio, BeforeValidator(ratio_from), PlainSerializer(lambda ratio: f"{ratio.width}:{ratio.height}", return_type=str)
]
PixelSize = Annotated[
    Pixels, BeforeValidator(pixels_from), PlainSerializer(lambda size: f"{size.width}x{size.height}", return_type=str)
]
Share = Annotated[Fraction, BeforeValidator(share_from), PlainSerializer(share_text, return_type=str)]
