"""A file on a disk as a source."""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

CHUNK: Final = 4 * 2**20


class DiskSource:
    """Reads a file that nobody changes meanwhile. OSError where the disk does not give it, or where it is no file."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if not stat.S_ISREG(status.st_mode):
            os.close(self._descriptor)
            raise OSError(errno.EINVAL, "not a regular file")

    async def read(self, start: int, length: int) -> bytes:
        return await asyncio.to_thread(os.pread, self._descriptor, length, start)

    async def stream(self, start: int, length: int) -> AsyncIterator[bytes]:
        for at in range(start, start + length, CHUNK):
            yield await self.read(at, min(CHUNK, start + length - at))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)
