"""The two looks at a package: what ranges can prove, within a second; and every byte, when there is time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from contracts.rulebook import Slot
from services.media.inspect import bounds
from services.media.inspect.decode import Budget
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure, measure_first
from services.media.inspect.source import Source
from services.media.queue.working import Reading

DECODING: Final = 9
"""So many times as long as reading every byte takes decoding what was read."""


class Followed:
    """A source that says how far its bytes were read in their order, and how much of that went into a `decoder`, which
    takes so many times as long."""

    def __init__(self, source: Source, reading: Reading, decoder: int = 0) -> None:
        self._source, self._reading, self._decoder, self.size = source, reading, decoder, source.size
        reading.total = (1 + decoder) * source.size

    def decoded(self, more: int) -> None:
        """So many more bytes of a film went into the decoder, wherever they were kept since they were read."""
        self._reading.done = min(self._reading.total, self._reading.done + self._decoder * more)

    async def read(self, start: int, length: int) -> bytes:
        return await self._source.read(start, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        async for piece in self._source.stream(start, length):
            start += len(piece)
            self._reading.done = max(self._reading.done, start)
            yield piece


Look = Callable[[Followed, Slot, str], Awaitable[PackageFacts]]


@dataclass(frozen=True)
class Passes:
    """Facts of `first` that have a hash were taken from every byte, and `whole` is not needed any more."""

    first: Look
    whole: Look


async def _whole(source: Followed, slot: Slot, name: str) -> PackageFacts:
    return await measure(source, slot, name, Budget(bounds.DECODED, hears=source.decoded))


PASSES = Passes(measure_first, _whole)
