"""One process of a stack, as the supervisor runs it and as the stack waits for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


class NotReady(Exception):
    """What a part still lacks."""


def _always() -> None:
    """Ready as soon as it runs."""


@dataclass(frozen=True)
class Part:
    """A command with its environment, what must be ready before it starts, and how to tell that it is ready itself."""

    name: str
    command: tuple[str, ...]
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    ready: Callable[[], None] = _always
    """Raises `NotReady` until the part does its work; finishes its set-up on the way (a replica set, a bucket)."""
    stop_within: int = 20
    """Seconds between SIGTERM and SIGKILL."""
