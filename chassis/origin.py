"""On whose behalf the current task acts: a signed-in caller, or an event being handled."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Who causes a change: an account with its role, or the id of the event that is being handled."""

    who: str
    role: str


SYSTEM = Origin("system", "system")
ORIGIN: ContextVar[Origin] = ContextVar("origin", default=SYSTEM)
