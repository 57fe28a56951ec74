"""Sizes, spans and ratios are read as written and written as read."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.rulebook.measures import (
    Pixels,
    Ratio,
    bytes_from,
    bytes_text,
    pixels_from,
    ratio_from,
    share_from,
    share_text,
    span_from,
    span_text,
)


@pytest.mark.parametrize(
    ("written", "size"), [("300MiB", 314_572_800), ("300MB", 300_000_000), ("1 GiB", 2**30), ("0B", 0)]
)
def test_size_with_a_unit_is_that_many_bytes(written: str, size: int) -> None:
    assert bytes_from(written) == size


@given(st.integers(0, 2**50))
def test_size_written_and_read_again_is_the_same(size: int) -> None:
    assert bytes_from(bytes_text(size)) == size


@given(st.integers(0, 10**9).map(lambda milliseconds: timedelta(milliseconds=milliseconds)))
def test_span_written_and_read_again_is_the_same(span: timedelta) -> None:
    assert span_from(span_text(span)) == span


@given(st.integers(-(10**9), 10**9).map(lambda millionths: f"{millionths / 10**6:.6f}%"))
def test_share_written_and_read_again_is_the_same(written: str) -> None:
    assert share_from(share_text(share_from(written))) == share_from(written)  # type: ignore[arg-type] # a share it is


@pytest.mark.parametrize("written", ["300M", "300 mib", "MiB", "3.5GB", "1e3MB"])
def test_size_without_a_known_unit_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        bytes_from(written)


@pytest.mark.parametrize("written", ["5m", "5", 300, "1.5h", "9999999999d"])
def test_span_without_a_known_unit_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a length of time"):
        span_from(written)


def test_span_beyond_what_python_holds_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a rulebook can hold"):
        span_from("1000000000d")


def test_ratio_and_pixels_are_read_by_width_then_height() -> None:
    assert (ratio_from("16:9"), pixels_from("1920x1080")) == (Ratio(16, 9), Pixels(1920, 1080))


@pytest.mark.parametrize("written", ["16/9", "0:9", "16:0", 969])
def test_ratio_of_nothing_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="is not a ratio"):
        ratio_from(written)
