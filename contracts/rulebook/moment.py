"""Points in time as a notice writes them, `2023-08-15T24:00+08:00` included, and the windows between them."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import cached_property
from typing import Self

from pydantic import RootModel, model_validator

from contracts.rulebook.clause import Clause, Contradiction

WRITTEN = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2})(?::(\d{2}))?(Z|[+-]\d{2}:\d{2})?", re.ASCII)


def instant_of(written: str) -> datetime:
    """The aware UTC instant meant; 24:00 is the midnight that ends the day. ValueError says what is wrong."""
    match = WRITTEN.fullmatch(written)
    if match is None:
        raise ValueError(f"{written!r} is not a date and time; write it like 2023-08-15T24:00+08:00")
    day, hour, minute, second, offset = match.groups(default="")
    if not offset:
        raise ValueError(f"{written!r} says no offset from UTC; add it, as in {written}+08:00 for Beijing time")
    try:
        ends_the_day = (hour, minute, second or "00") == ("24", "00", "00")
        clock = time() if ends_the_day else time(int(hour), int(minute), int(second or 0))
        local = datetime.combine(date.fromisoformat(day), clock, _offset(offset))
        return (local + timedelta(days=int(ends_the_day))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{written!r} does not exist in the calendar or on the clock ({error}); mend it") from error


def _offset(written: str) -> timezone:
    if written == "Z":
        return UTC
    hours, minutes = int(written[1:3]), int(written[4:6])
    if minutes > 59:
        raise ValueError("an offset has at most 59 minutes")
    return timezone((-1 if written[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


class Moment(RootModel[str]):
    """A point in time: `root` as written, for people; `instant` in UTC, for every comparison."""

    model_config = {"frozen": True, "strict": True}

    @cached_property
    def instant(self) -> datetime:
        """The aware UTC datetime meant."""
        return instant_of(self.root)

    @model_validator(mode="after")
    def refuse_nonsense(self) -> Self:
        """Refuse at once what no clock could show."""
        instant_of(self.root)
        return self

    def __str__(self) -> str:
        return self.root


class Window(Clause):
    """A span of time: `opens` is inside, `closes` is the first instant outside.
    `assumed` marks dates the notice does not lay down and the organiser has to confirm."""

    opens: Moment
    closes: Moment
    assumed: bool = False

    def holds(self, now: datetime) -> bool:
        """Whether an aware instant lies inside."""
        return self.opens.instant <= now < self.closes.instant

    def covers(self, other: "Window") -> bool:
        """Whether another window lies wholly inside this one."""
        return self.opens.instant <= other.opens.instant and other.closes.instant <= self.closes.instant

    def contradictions(self) -> Iterator[Contradiction]:
        if self.closes.instant <= self.opens.instant:
            yield Contradiction("closes", f"closes ({self.closes}) is not after opens ({self.opens}); move one of them")
