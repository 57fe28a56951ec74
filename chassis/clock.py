"""The one clock decisions are made by; tests bring their own."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Gives the current instant, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The server's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
