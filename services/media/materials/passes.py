"""The two looks at a package: what ranges can prove, within a second; and every byte, when there is time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from contracts.rulebook import Slot
from services.media.inspect.models import PackageFacts
from services.media.inspect.probe import measure, measure_first
from services.media.inspect.source import Source
from services.media.queue.working import Reading

Look = Callable[[Source, Slot, str], Awaitable[PackageFacts]]


@dataclass(frozen=True)
class Passes:
    """Facts of `first` that have a hash were taken from every byte, and `whole` is not needed any more."""

    first: Look
    whole: Look


PASSES = Passes(measure_first, measure)


DECODING: Final = 9
"""So many times as long as reading every byte takes decoding, for which it is read again."""


class Followed:
    """A source that says how far its stream was read, and after that how far it is read `again`, which takes so many
    times as long."""

    def __init__(self, source: Source, reading: Reading, again: int = 0) -> None:
        self._source, self._reading, self.size = source, reading, source.size
        self._passed, self._again = False, again
        reading.total = (1 + again) * source.size

    async def read(self, start: int, length: int) -> bytes:
        if self._passed:
            done = self.size + self._again * (start + length)
            self._reading.done = max(self._reading.done, min(done, self._reading.total))
        return await self._source.read(start, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        self._reading.done = start
        async for piece in self._source.stream(start, length):
            self._reading.done += len(piece)
            yield piece
        self._passed = True
