"""Moments mean what people mean by them."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.rulebook.moment import Moment, Window, instant_of

OFFSETS = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 30))


def written_offset(offset: timedelta) -> str:
    minutes = offset // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def test_moment_at_24_00_is_the_midnight_that_ends_the_day() -> None:
    assert Moment("2023-08-15T24:00+08:00").instant == datetime(2023, 8, 15, 16, tzinfo=UTC)


def test_moment_keeps_what_was_written() -> None:
    assert str(Moment("2023-08-15T24:00+08:00")) == "2023-08-15T24:00+08:00"


@given(DAYS, OFFSETS)
def test_moment_at_24_00_equals_00_00_of_the_next_day(day: date, offset: timedelta) -> None:
    written = written_offset(offset)
    assert instant_of(f"{day}T24:00{written}") == instant_of(f"{day + timedelta(days=1)}T00:00{written}")


@given(DAYS, st.times().map(lambda each: each.replace(microsecond=0)), OFFSETS)
def test_moment_on_any_clock_is_the_instant_python_reads(day: date, clock: time, offset: timedelta) -> None:
    local = datetime.combine(day, clock, timezone(offset))
    assert instant_of(f"{day}T{clock.isoformat()}{written_offset(offset)}") == local.astimezone(UTC)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2023-08-15T12:00", "says no offset from UTC"),
        ("2023-08-15", "is not a date and time"),
        ("2023-08-15 24:00+08:00", "is not a date and time"),
        ("2023-08-15T24:01+08:00", "does not exist"),
        ("2023-08-15T24:00:01+08:00", "does not exist"),
        ("2023-08-15T25:00+08:00", "does not exist"),
        ("2023-02-30T00:00+08:00", "does not exist"),
        ("2023-08-15T00:00+08:60", "does not exist"),
        ("2023-08-15T00:00+24:00", "does not exist"),
        ("9999-12-31T24:00+08:00", "does not exist"),
        ("0001-01-01T00:00+08:00", "does not exist"),
        ("２０２３-08-15T00:00+08:00", "is not a date and time"),
    ],
)
def test_moment_that_no_clock_shows_is_refused(written: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Moment(written)


def test_window_holds_its_opening_and_not_its_closing() -> None:
    window = Window(opens=Moment("2023-06-06T00:00+08:00"), closes=Moment("2023-08-15T24:00+08:00"))
    deadline = datetime(2023, 8, 15, 16, tzinfo=UTC)
    instant = timedelta(microseconds=1)
    opening = datetime(2023, 6, 5, 16, tzinfo=UTC)
    at = [opening - instant, opening, deadline - instant, deadline]
    assert [window.holds(each) for each in at] == [False, True, True, False]


def test_window_that_closes_as_it_opens_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not after opens"):
        Window(opens=Moment("2023-06-06T00:00+08:00"), closes=Moment("2023-06-05T24:00+08:00"))
