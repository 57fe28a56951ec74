"""What is raised when something cannot be granted, or not just now. Free of I/O, so that rules may raise it."""

from typing import Any


class Refused(Exception):
    """A request that cannot be granted as it stands; nothing was changed.

    `code` is stable and for machines; `zh` and `en` are for people; `facts` say what was measured, what
    was expected and what to do. Raised while handling an event, it parks the message: it cannot pass.
    """

    def __init__(self, status: int, code: str, zh: str, en: str, **facts: Any) -> None:
        super().__init__(f"{code}: {en}")
        self.status, self.code, self.zh, self.en, self.facts = status, code, zh, en, facts


class Unavailable(Exception):
    """A part of ours is down; the same request will be good again later."""
