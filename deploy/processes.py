"""The product's processes: what scales apart runs apart."""

from dataclasses import dataclass
from typing import Final

SERVICES: Final = ("registration", "media", "review", "voting", "notify")


@dataclass(frozen=True)
class Process:
    """One process: the service it belongs to and the function in that service's `app` that builds it."""

    service: str
    builder: str = "build"
    answers_api: bool = True
    """Whether the gateway sends `/api/<service>/` here."""


PROCESSES: Final = {
    "registration": Process("registration"),
    "media-api": Process("media", "build_api"),
    "media-worker": Process("media", "build_worker", answers_api=False),
    "review": Process("review"),
    "voting-api": Process("voting", "build_api"),
    "voting-tally": Process("voting", "build_tally", answers_api=False),
    "notify": Process("notify"),
}
