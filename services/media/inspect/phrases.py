"""Writes measured values and limits so that a Chinese and an English reader understand them alike."""

import math
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Final, TypeVar

from contracts.rulebook.limits import (
    AspectLimit,
    CountLimit,
    DurationLimit,
    FormatLimit,
    Limit,
    NamingRule,
    ResolutionLimit,
    SizeLimit,
    SoundLimit,
)
from contracts.rulebook.measures import Pixels, share_text, span_text

Value = TypeVar("Value")
UNITS: Final = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
CLEAR: Final = 20
"""The largest number in a ratio people recognise at sight, such as 16:9."""


def size(count: int) -> str:
    """`300 MiB (314572800 B)`; below a KiB the bytes alone."""
    for unit, factor in UNITS:
        if count >= factor:
            return f"{count / factor:.4g} {unit} ({count} B)"
    return f"{count} B"


def duration(span: timedelta) -> str:
    """`9:00.0`: minutes, seconds and tenths, never rounded up past a limit."""
    tenths = span // timedelta(milliseconds=100)
    return f"{tenths // 600}:{tenths % 600 // 10:02d}.{tenths % 10}"


def stretch(start: float | Fraction, end: float | Fraction) -> str:
    """`1:02–1:05`: whole seconds around a stretch of a film."""
    first, last = math.floor(start), math.ceil(end)
    return f"{first // 60}:{first % 60:02d}–{last // 60}:{last % 60:02d}"


def sound(audible: bool) -> str:
    """Whether a video has sound."""
    return "有声音 sound" if audible else "无声音 silent"


def pixels(picture: Pixels) -> str:
    """`1920x1080`."""
    return f"{picture.width}x{picture.height}"


def aspect(picture: Pixels) -> str:
    """`4:3 (1.333)`; the number alone where the ratio would say nothing."""
    ratio = Fraction(picture.width, picture.height)
    named = f"{ratio.numerator}:{ratio.denominator}"
    return f"{named} ({float(ratio):.3f})" if max(ratio.as_integer_ratio()) <= CLEAR else f"{float(ratio):.3f}"


def expected(limit: Limit) -> str:
    """What a limit asks for."""
    match limit:
        case FormatLimit(any_of=formats):
            return " / ".join(formats)
        case SizeLimit(min=low, below=None):
            return _between(low, limit.max, size)
        case SizeLimit(min=low, below=high):
            return " & ".join(filter(None, [f"≥ {size(low)}" if low else "", f"< {size(high or 0)}"]))
        case CountLimit(min=low, max=high):
            return _between(low, high, str)
        case DurationLimit(min=low, max=high, tolerance=slack):
            return _between(low, high, duration) + (f" ±{span_text(slack)}" if slack else "")
        case AspectLimit(ratio=ratio, tolerance=share):
            return f"{ratio.width}:{ratio.height}" + (f" ±{share_text(share)}" if share else "")
        case ResolutionLimit(min=low, max=high, either_way_up=turned):
            return _between(low, high, pixels) + (" ↻" if turned else "")
        case SoundLimit():
            return sound(True)
        case NamingRule(template=template):
            return template
        case _:
            raise TypeError(f"no words for {type(limit).__name__}")


def _between(low: Value | None, high: Value | None, write: Callable[[Value], str]) -> str:
    """`1 – 4`, `≥ 5`, `≤ 500`, or the one value where both ends are the same."""
    if low is not None and high is not None:
        return write(low) if low == high else f"{write(low)} – {write(high)}"
    return f"≥ {write(low)}" if low is not None else f"≤ {write(high)}" if high is not None else "—"
