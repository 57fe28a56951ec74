"""A stream as this product uses one: an append-only history that drops repeats and is read from any point."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple, Protocol


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


class Partitioned(Protocol):
    """A history in one stream, or in several that are its partitions: numbers and offsets are each partition's own."""

    count: int
    """How many streams it is to be."""

    async def parts(self) -> Sequence[str]:
        """The streams by name, in an order that does not change where more are added; ConnectionError while the broker
        is out of reach, or cannot have as many."""

    async def part(self, name: str = "") -> Stream:
        """The stream of a name, the first where none is given; ConnectionError as above."""

    async def answers(self) -> None:
        """Raise while the broker is out of reach, or cannot have as many."""

    async def stop(self) -> None:
        """Let go of the broker."""


def encode(topic: str, source: str, subject: str, message_id: str, at: datetime, body: bytes) -> bytes:
    """A message as AMQP 1.0 (OASIS 2012, part 3): message id, CloudEvents attributes, body as one data section."""
    said = _text(message_id)
    mapped = b"".join((_repeated(topic, source), _ID, said, _SUBJECT, _text(subject), _TIME, _instant(at)))
    return b"".join((
        _PROPERTIES, b"\xd0", _size(len(said) + 4), _ONE, said,
        _ATTRIBUTES, b"\xd1", _size(len(mapped) + 4), _WORDS, mapped,
        _DATA, b"\xb0", _size(len(body)), body,
    ))  # fmt: skip


_PROPERTIES, _ATTRIBUTES, _DATA = b"\x00\x53\x73", b"\x00\x53\x74", b"\x00\x53\x75"


def _text(value: str) -> bytes:
    said = value.encode()
    return b"\xa1%c%b" % (len(said), said) if len(said) < 256 else b"\xb1%b%b" % (_size(len(said)), said)


_ID, _SUBJECT, _TIME = map(_text, ("ce-id", "ce-subject", "ce-time"))


@lru_cache(maxsize=1000)
def _repeated(topic: str, source: str) -> bytes:
    """The attributes with few values, name and value in turn; what is in a stream has its place there, no sequence."""
    told = {"ce-specversion": "1.0", "ce-type": topic, "ce-source": source, "ce-sequence": "0"}
    return b"".join(_text(word) for pair in told.items() for word in pair)


@lru_cache(maxsize=1000)
def _instant(at: datetime) -> bytes:
    """An instant, which many messages of a moment have in common."""
    return _text(at.isoformat())


def _size(of: int) -> bytes:
    return of.to_bytes(4, "big")


_ONE, _WORDS = _size(1), _size(2 * 7)
"""How many fields the properties have; how many names and values the attributes are."""


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
