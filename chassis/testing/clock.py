"""A clock a test sets."""

from datetime import datetime, timedelta


class SetClock:
    """Stands still until told to move."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def set(self, at: datetime) -> None:
        """Move to an instant, back or forth."""
        self._at = at

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self._at += by
