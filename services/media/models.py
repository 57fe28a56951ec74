"""What the object store says of what it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from contracts.events.media import StoredObject


@dataclass(frozen=True)
class StoredPart:
    """A part the store has: its number from 1, its bytes, its ETag, when it came."""

    number: int
    size: int
    etag: str
    modified: datetime | None = None


@dataclass(frozen=True)
class Form:
    """Where a browser's form sends a file, and the fields that go before it."""

    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Whole:
    """An object that lies complete in the store."""

    object: StoredObject
    size: int
    modified: datetime | None = None


@dataclass(frozen=True)
class Unfinished:
    """An upload in parts that the store still keeps."""

    key: str
    upload: str
    begun_at: datetime
