"""A stream in memory."""

from collections.abc import Callable, Sequence

from chassis.streams import Entry, Place, Stream


class MemoryStream:
    """Keeps what is appended and drops repeats; `away` makes it fail as a broker that is out of reach."""

    count = 1

    def __init__(self, seen: Callable[[bytes], None] = lambda _: None) -> None:
        self._seen = seen
        self.messages: list[bytes] = []
        self.away = False
        self._last: dict[str, int] = {}

    async def append(self, producer: str, numbered: Sequence[tuple[int, bytes]]) -> None:
        await self.answers()
        for number, message in numbered:
            if number > self._last.get(producer, 0):
                self._last[producer] = number
                self.messages.append(message)
                self._seen(message)

    async def last(self, producer: str) -> int:
        await self.answers()
        return self._last.get(producer, 0)

    async def poll(self, place: Place, wait_s: float) -> list[Entry]:
        await self.answers()
        offset = place if isinstance(place, int) else max(0, len(self.messages) - 1) if place == "last" else 0
        return [Entry(at, message) for at, message in enumerate(self.messages[offset:], offset)]

    async def parts(self) -> Sequence[str]:
        return ("votes",)

    async def part(self, name: str = "") -> Stream:
        return self

    async def answers(self) -> None:
        if self.away:
            raise ConnectionError("the stream is away")

    async def stop(self) -> None:
        pass
