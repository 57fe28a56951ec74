"""How a rule's refusal becomes a caller's answer."""

from typing import TypeVar

from chassis.problems import Refused
from services.registration.models import Refusal

T = TypeVar("T")


def granted(outcome: T | Refusal) -> T:
    """What a rule grants; where it refuses, the caller is told and nothing is changed."""
    if isinstance(outcome, Refusal):
        raise Refused(outcome.status, outcome.code, outcome.zh, outcome.en, **outcome.facts)
    return outcome


def not_found(what: str) -> Refused:
    """The same answer for what does not exist and for what is somebody else's."""
    return Refused(404, "not_found", "没有找到所请求的内容。", f"There is no such {what} here.")
