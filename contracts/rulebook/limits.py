"""The limits a rulebook may set on material. Each knows whether a measured value keeps it; none measures."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints

from contracts.rulebook.clause import Clause, Contradiction, Line
from contracts.rulebook.measures import AspectRatio, Bytes, PixelSize, Share, Span

Level = Literal["required", "advice"]
"""`required`: material that breaks the rule fails. `advice`: the teacher is told, the material passes."""

Format = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,8}$")]
"""A file format by its usual extension, lower case, without the dot: `mp4`, `docx`, `jpg` (which means jpeg too)."""


class Limit(Clause):
    """A rule about one measured thing."""

    level: Level = "required"


End = TypeVar("End", int, timedelta)


def ends(low: End | None, high: End | None, zero: End, high_name: str = "max") -> Iterator[Contradiction]:
    """What is wrong with a lower and an upper end, both inclusive, of a thing that is never below `zero`."""
    if low is None and high is None:
        yield Contradiction("", "this limit limits nothing; give min, max or both, or leave the whole rule out")
    for name, end in (("min", low), (high_name, high)):
        if end is not None and end < zero:
            yield Contradiction(name, f"{name} is lower than anything measured can be; raise it")
    if low is not None and high is not None and low > high >= zero:
        yield Contradiction(high_name, f"{high_name} is less than min, so nothing could ever pass; swap or mend them")


class DurationLimit(Limit):
    """How long a video runs, in seconds of its presentation. `tolerance` widens both ends, for encoders that round."""

    min: Span | None = None
    max: Span | None = None
    tolerance: Span = timedelta(0)

    def contradictions(self) -> Iterator[Contradiction]:
        yield from ends(self.min, self.max, timedelta(0))
        if self.tolerance < timedelta(0):
            yield Contradiction("tolerance", "a negative tolerance would tighten the limit; move min or max instead")

    def holds(self, measured: timedelta) -> bool:
        """Whether a video of this length keeps the limit."""
        low = self.min is None or measured >= self.min - self.tolerance
        return low and (self.max is None or measured <= self.max + self.tolerance)


class SizeLimit(Limit):
    """How large a file is, in bytes. `max` may just be reached, `below` may not; give one of them."""

    min: Bytes | None = None
    max: Bytes | None = None
    below: Bytes | None = None

    @property
    def largest(self) -> int | None:
        """The greatest number of bytes that keeps the limit; None where nothing is said."""
        return self.below - 1 if self.below is not None else self.max

    def contradictions(self) -> Iterator[Contradiction]:
        yield from ends(self.min, self.largest, 0, "max" if self.below is None else "below")
        if self.max is not None and self.below is not None:
            yield Contradiction("below", "max and below both set the upper end; keep one of them")

    def holds(self, measured: int) -> bool:
        """Whether a file of this many bytes keeps the limit."""
        return (self.min is None or measured >= self.min) and (self.largest is None or measured <= self.largest)


class CountLimit(Limit):
    """How many files there are; `min: 1, max: 1` means exactly one."""

    min: int | None = None
    max: int | None = None

    def contradictions(self) -> Iterator[Contradiction]:
        yield from ends(self.min, self.max, 0)
        if self.max == 0:
            yield Contradiction("max", "max is 0, so there could never be any; give 1 or more, or leave the rule out")

    def holds(self, measured: int) -> bool:
        """Whether this many files keep the limit."""
        return (self.min is None or measured >= self.min) and (self.max is None or measured <= self.max)


class CharacterLimit(CountLimit):
    """How long a text is, counted as Word's 字数: each Chinese character and full-width mark is one, each run of
    Latin letters or digits is one, blanks are none."""


class FormatLimit(Limit):
    """Which file formats are admitted, by what the bytes are and not by the name alone."""

    any_of: Annotated[tuple[Format, ...], Field(min_length=1)]

    def holds(self, measured: str) -> bool:
        """Whether a file of this format (lower-case extension, `jpeg` spelt `jpg`) keeps the limit."""
        return measured in self.any_of


class AspectLimit(Limit):
    """Width to height of the picture as displayed: after rotation and with non-square pixels stretched.
    `tolerance` is relative: 1% of 16:9 admits 1.760 to 1.796."""

    ratio: AspectRatio
    tolerance: Share = Fraction(0)

    def contradictions(self) -> Iterator[Contradiction]:
        if not 0 <= self.tolerance < 1:
            yield Contradiction("tolerance", "a tolerance is at least 0% and below 100%")

    def holds(self, width: int, height: int) -> bool:
        """Whether a picture displayed with this width and height keeps the limit."""
        return height > 0 and abs(Fraction(width, height) / self.ratio.value - 1) <= self.tolerance


class ResolutionLimit(Limit):
    """Width and height of a picture in pixels as displayed. Both must reach `min` and neither pass `max`;
    equal ends mean exactly that size. `either_way_up` lets a portrait picture stand for a landscape one."""

    min: PixelSize | None = None
    max: PixelSize | None = None
    either_way_up: bool = False

    def contradictions(self) -> Iterator[Contradiction]:
        if self.min is None and self.max is None:
            yield Contradiction("", "this limit limits nothing; give min, max or both, or leave the whole rule out")
        if self.min and self.max and (self.min.width > self.max.width or self.min.height > self.max.height):
            yield Contradiction("max", "max is smaller than min, so no picture could ever pass; swap or mend them")

    def holds(self, width: int, height: int) -> bool:
        """Whether a picture displayed with this width and height keeps the limit."""
        return self._fits(width, height) or (self.either_way_up and self._fits(height, width))

    def _fits(self, width: int, height: int) -> bool:
        reached = self.min is None or (width >= self.min.width and height >= self.min.height)
        return reached and (self.max is None or (width <= self.max.width and height <= self.max.height))


class SoundLimit(Limit):
    """That a video has sound: a track of it with samples, whatever is to be heard."""

    def holds(self, measured: bool) -> bool:
        """Whether a video with or without sound keeps the limit."""
        return measured


class NamingRule(Limit):
    """How a file is to be named, without its extension. `{applicant}`, `{province}` and `{title}` stand for the
    applicant's name, its province's and the entry's title; the rest is meant literally."""

    template: Line

    def contradictions(self) -> Iterator[Contradiction]:
        rest = self.template
        for name in ("{applicant}", "{province}", "{title}"):
            rest = rest.replace(name, "")
        if "{" in rest or "}" in rest:
            yield Contradiction(
                "template", "braces may only hold applicant, province or title, as in {applicant}-案例分享材料"
            )

    def holds(self, measured: str, *, applicant: str, province: str, title: str) -> bool:
        """Whether a file name (without extension) is the one asked for; letter case and outer blanks do not count."""
        wanted = self.template.replace("{applicant}", applicant).replace("{province}", province)
        return measured.strip().casefold() == wanted.replace("{title}", title).strip().casefold()
