"""One message on its way: CloudEvents 1.0 metadata as AMQP 0-9-1 headers, and what is known of its tries."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Message:
    """What travels: a JSON body under a topic with its metadata. `id` is the same on every repeat."""

    id: str
    topic: str
    body: bytes
    subject: str = ""
    source: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sequence: int = 0
    """Counts the messages of one subject from 1, without a gap, in the order they were told."""
    traceparent: str | None = None
    sender: str | None = None
    """The broker user who published it, checked by the broker."""
    reply_to: str | None = None
    correlation_id: str | None = None
    failures: tuple[str, ...] = ()
    """What went wrong in each earlier try, oldest first."""
    redelivered: bool = False

    def headers(self) -> dict[str, str]:
        """CloudEvents attributes as AMQP headers."""
        headers = {
            "ce-specversion": "1.0",
            "ce-id": self.id,
            "ce-type": self.topic,
            "ce-source": self.source,
            "ce-subject": self.subject,
            "ce-time": self.at.isoformat(),
            "ce-sequence": str(self.sequence),
        }
        return headers | ({"traceparent": self.traceparent} if self.traceparent else {})

    def document(self) -> dict[str, Any]:
        """Everything but the body, for a parked record a person reads."""
        return {
            "message": self.id,
            "topic": self.topic,
            "subject": self.subject,
            "source": self.source,
            "at": self.at,
            "sequence": self.sequence,
            "traceparent": self.traceparent,
            "sender": self.sender,
            "reply_to": self.reply_to,
            "correlation_id": self.correlation_id,
            "failures": list(self.failures),
        }


@dataclass
class Delivery:
    """A message being handled by one hearer: the transaction marks it done, the answer goes to who asked."""

    key: str
    """Names this hearer's handling of this message in the inbox."""
    message: Message
    done: bool = False
    answer: BaseModel | None = None


DELIVERY: ContextVar[Delivery | None] = ContextVar("delivery", default=None)
"""The delivery the current task handles; None in an HTTP request or a background task."""
