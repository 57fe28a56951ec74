"""A limit is kept by exactly what lies inside it, and refused when nothing could."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.rulebook.limits import (
    AspectLimit,
    CountLimit,
    DurationLimit,
    FormatLimit,
    NamingRule,
    ResolutionLimit,
    SizeLimit,
)
from contracts.rulebook.measures import Pixels, Ratio

COUNTS = st.integers(0, 1000)
MINUTES = DurationLimit(min=timedelta(minutes=1), max=timedelta(minutes=5), tolerance=timedelta(milliseconds=500))
WIDE = AspectLimit(ratio=Ratio(16, 9), tolerance=Fraction(1, 100))


@given(COUNTS, COUNTS.filter(bool))
def test_count_limit_is_refused_exactly_when_min_passes_max(low: int, high: int) -> None:
    try:
        limit = CountLimit(min=low, max=high)
    except ValidationError:
        assert low > high
    else:
        assert [limit.holds(low - 1), limit.holds(low), limit.holds(high), limit.holds(high + 1)] == [
            False, True, True, False,
        ]  # fmt: skip


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_size_limit_is_refused_exactly_when_no_size_fits(low: int, below: int) -> None:
    try:
        limit = SizeLimit(min=low, below=below)
    except ValidationError:
        assert low >= below
    else:
        assert [limit.holds(low), limit.holds(below - 1), limit.holds(below)] == [True, True, False]


@pytest.mark.parametrize(
    ("milliseconds", "holds"), [(59_499, False), (59_500, True), (300_500, True), (300_501, False)]
)
def test_duration_limit_is_widened_by_its_tolerance(milliseconds: int, holds: bool) -> None:
    assert MINUTES.holds(timedelta(milliseconds=milliseconds)) is holds


@pytest.mark.parametrize(
    ("width", "height", "holds"),
    [
        (1920, 1080, True),
        (1920, 1088, True),
        (1280, 720, True),
        (1440, 1080, False),
        (1080, 1920, False),
        (1, 0, False),
    ],
)
def test_aspect_limit_admits_what_an_encoder_rounds(width: int, height: int, holds: bool) -> None:
    assert WIDE.holds(width, height) is holds


def test_resolution_limit_turned_either_way_admits_portrait_pictures() -> None:
    landscape = ResolutionLimit(min=Pixels(640, 480))
    either = ResolutionLimit(min=Pixels(640, 480), either_way_up=True)
    assert [landscape.holds(480, 640), either.holds(480, 640), either.holds(479, 640)] == [False, True, False]


def test_resolution_limit_with_equal_ends_admits_that_size_alone() -> None:
    exactly = ResolutionLimit(min=Pixels(1920, 1080), max=Pixels(1920, 1080))
    assert [exactly.holds(1920, 1080), exactly.holds(1920, 1081), exactly.holds(3840, 2160)] == [True, False, False]


def test_format_limit_admits_the_formats_it_names() -> None:
    archive = FormatLimit(any_of=("zip", "rar"))
    assert [archive.holds("rar"), archive.holds("7z")] == [True, False]


def test_naming_rule_fills_in_the_names_it_is_given() -> None:
    rule = NamingRule(template="{applicant}-案例分享材料")
    names = ["星光工作室-案例分享材料", " 星光工作室-案例分享材料 ", "案例分享材料"]
    holds = [rule.holds(name, applicant="星光工作室", province="甘肃省", title="案例") for name in names]
    assert holds == [True, True, False]


@pytest.mark.parametrize("limit", [CountLimit, DurationLimit, SizeLimit, ResolutionLimit])
def test_limit_without_an_end_is_refused(limit: type[CountLimit]) -> None:
    with pytest.raises(ValidationError, match="limits nothing"):
        limit()
