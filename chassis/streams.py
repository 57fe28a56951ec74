"""A stream as this product uses one: an append-only history that drops repeats and is read from any point."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from chassis.delivery import Message


class Entry(NamedTuple):
    """A message where it lies in the stream."""

    offset: int
    message: bytes
    """An AMQP 1.0 message as `encode` makes it."""


Place = int | datetime | str
"""An offset, about a time, `first`, or `last`, which begins some messages before the end."""


class Stream(Protocol):
    """Appends under a producer's name with rising numbers, of which the broker drops those it has."""

    async def append(self, producer: str, numbered: Sequence[tuple[int, bytes]]) -> None:
        """Return when the broker has all of them; raise ConnectionError where that is not known. Numbers rise from 1,
        and may leave some out."""

    async def last(self, producer: str) -> int:
        """The highest number of a producer the broker has; 0 where it has none."""

    async def poll(self, place: Place, wait_s: float) -> list[Entry]:
        """What lies at a place and behind it, as much as there is at hand; waits a while where there is nothing. At
        `last` that is the newest message, with some before it."""

    async def answers(self) -> None:
        """Raise while the broker is out of reach."""

    async def stop(self) -> None:
        """Let go of the broker."""


def encode(message: Message) -> bytes:
    """A message as AMQP 1.0 (OASIS 2012, part 3): message id, CloudEvents attributes, body as one data section."""
    said, words = _text(message.id), 14
    mapped = b"".join((
        _repeated(message.topic, message.source, message.sequence),
        _ID, said, _SUBJECT, _text(message.subject), _TIME, _text(message.at.isoformat()),
    ))  # fmt: skip
    if message.traceparent:
        mapped, words = mapped + _text("traceparent") + _text(message.traceparent), 16
    return b"".join((
        _PROPERTIES, b"\xd0", _size(len(said) + 4), _size(1), said,
        _ATTRIBUTES, b"\xd1", _size(len(mapped) + 4), _size(words), mapped,
        _DATA, b"\xb0", _size(len(message.body)), message.body,
    ))  # fmt: skip


_PROPERTIES, _ATTRIBUTES, _DATA = b"\x00\x53\x73", b"\x00\x53\x74", b"\x00\x53\x75"


def _text(value: str) -> bytes:
    said = value.encode()
    return b"\xa1" + bytes((len(said),)) + said if len(said) < 256 else b"\xb1" + len(said).to_bytes(4, "big") + said


_ID, _SUBJECT, _TIME = map(_text, ("ce-id", "ce-subject", "ce-time"))


@lru_cache(maxsize=1000)
def _repeated(topic: str, source: str, sequence: int) -> bytes:
    """The attributes with few values, name and value in turn."""
    told = {"ce-specversion": "1.0", "ce-type": topic, "ce-source": source, "ce-sequence": str(sequence)}
    return b"".join(_text(word) for pair in told.items() for word in pair)


def _size(of: int) -> bytes:
    return of.to_bytes(4, "big")


def body(message: bytes) -> bytes:
    """The body of a message `encode` made; ValueError for anything else."""
    _, _, at = _attributes(message)
    if message[at : at + 4] != _DATA + b"\xb0":
        raise ValueError("not a message of ours: it has no body")
    return message[at + 8 :]


def attributes(message: bytes) -> dict[str, str]:
    """The CloudEvents attributes of a message `encode` made."""
    at, count, _ = _attributes(message)
    words = []
    for _ in range(count):
        wide = message[at] == 0xB1
        size = int.from_bytes(message[at + 1 : at + 5], "big") if wide else message[at + 1]
        at += 5 if wide else 2
        words.append(message[at : at + size].decode())
        at += size
    return dict(zip(words[::2], words[1::2], strict=True))


def _attributes(message: bytes) -> tuple[int, int, int]:
    """Where the attributes begin, how many words they are, and where they end."""
    at = 8 + int.from_bytes(message[4:8], "big")
    if message[:4] != _PROPERTIES + b"\xd0" or message[at : at + 4] != _ATTRIBUTES + b"\xd1":
        raise ValueError("not a message of ours: it does not begin with an id and attributes")
    size = int.from_bytes(message[at + 4 : at + 8], "big")
    return at + 12, int.from_bytes(message[at + 8 : at + 12], "big"), at + 8 + size
