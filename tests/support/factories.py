"""Real, valid messages to start a test from."""

from typing import TypeVar

from pydantic import BaseModel

from deploy.contracts.examples import example_of

Message = TypeVar("Message", bound=BaseModel)


def make(kind: type[Message], **changes: object) -> Message:
    """The example of an event, request or answer, with some fields changed and checked again."""
    return kind.model_validate({**dict(example_of(kind)), **changes})
