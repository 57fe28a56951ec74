"""A package in memory, which counts how it is read."""

from collections.abc import AsyncIterator


class MemorySource:
    """Bytes as a source. `requests` and `fetched` count ranged reads; streaming is not counted."""

    def __init__(self, data: bytes, chunk: int = 2**20) -> None:
        self.data, self.size, self.chunk = data, len(data), chunk
        self.requests = self.fetched = 0

    async def read(self, start: int, length: int) -> bytes:
        assert start >= 0
        assert start + length <= self.size
        self.requests += 1
        self.fetched += length
        return self.data[start : start + length]

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        for at in range(start, start + length, self.chunk):
            yield self.data[at : min(at + self.chunk, start + length)]


class SparseSource(MemorySource):
    """Bytes with a long run of zeros in the middle, which takes no memory."""

    def __init__(self, before: bytes, zeros: int, after: bytes) -> None:
        super().__init__(before)
        self.zeros, self.after = zeros, after
        self.size = len(before) + zeros + len(after)

    async def read(self, start: int, length: int) -> bytes:
        await super().read(start, length)
        return self.between(start, start + length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        for at in range(start, start + length, self.chunk):
            yield self.between(at, min(at + self.chunk, start + length))

    def between(self, start: int, end: int) -> bytes:
        late = len(self.data) + self.zeros
        zeros = max(0, min(end, late) - max(start, len(self.data)))
        return self.data[start:end] + bytes(zeros) + self.after[max(0, start - late) : max(0, end - late)]


class BrokenSource(MemorySource):
    """A store that fails in the middle of what it holds."""

    def __init__(self, data: bytes, fails_at: int) -> None:
        super().__init__(data)
        self.fails_at = fails_at

    async def read(self, start: int, length: int) -> bytes:
        if start + length > self.fails_at:
            raise ConnectionError("the store is gone")
        return await super().read(start, length)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        async for chunk in super().stream(start, min(length, self.fails_at - start)):
            yield chunk
        raise ConnectionError("the store is gone")
