"""What the media processes are told by their environment."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from chassis.settings import ServiceSettings
from services.media.queue.models import Task


class Settings(ServiceSettings):
    """The object store, the key receipts are signed with, and how long things hold."""

    s3_endpoint: str = "http://127.0.0.1:8333"
    s3_public_endpoint: str = "http://127.0.0.1:8080"
    """Where browsers reach the same store; URLs are signed for it."""
    s3_access_key: str = ""
    s3_secret_key: str = ""
    s3_bucket: str = "zhumeng-material"
    browser_origins: tuple[str, ...] = ()
    """Origins besides `public_url` whose pages may send files to the store and read them there."""
    signing_key_file: Path | None = None
    """Ed25519 private key, PKCS#8 PEM, that receipts are signed with; the API does not start without it."""
    upload_url_lasts: timedelta = timedelta(hours=6)
    link_lasts: timedelta = timedelta(minutes=5)
    sweep_every: timedelta = timedelta(minutes=1)
    stuck_after: timedelta = timedelta(minutes=5)
    """What was accepted and does not go on for this long counts as stuck."""
    check_within: timedelta = timedelta(minutes=10)
    """How long one job may take before it is tried again."""
    prove_within: timedelta = timedelta(hours=3)
    """The same of a second look, which decodes films, stands back for checks, and looks twice before it says that one
    is bad: the most that bounds let it take is some eighty minutes. And of a publication, which may have to encode a
    film anew."""
    at_once: int = Field(default=2, ge=1)
    """Jobs one worker does at a time, all but one of them checks, and one more check while that one is none; to do
    more, run more workers."""
    province_weights: dict[str, float] = Field(default_factory=dict)
    """By code, how many jobs of a province are done for one of a province not named; read by API and workers alike."""

    @property
    def within(self) -> dict[Task, timedelta]:
        """How long a job of each kind may take."""
        return {"check": self.check_within, "prove": self.prove_within, "publish": self.prove_within}
