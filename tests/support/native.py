"""The servers a test session starts for itself, each on first use, in a private folder."""

from pathlib import Path

from tests.support.kinds import MailSink, ObjectStore, Rabbit


class Native:
    """Starts what is asked for; remembers what it started so that `close` leaves nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mongo_url(self) -> str:
        raise NotImplementedError

    def rabbit(self, series: str) -> Rabbit:
        raise NotImplementedError

    def s3(self) -> ObjectStore:
        raise NotImplementedError

    def smtp(self) -> MailSink:
        raise NotImplementedError

    def close(self) -> None:
        """Stop everything."""
