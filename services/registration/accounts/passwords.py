"""Passwords, kept as argon2id hashes."""

import asyncio
import ctypes
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

MEMORY_KIB = 19 * 1024
AT_ONCE = 2
M_MMAP_THRESHOLD = -3
"""As in glibc's malloc.h."""


class Passwords:
    """Hashes with OWASP's parameters (19 MiB, 2 passes, 1 lane) on a few threads, so that the event loop stays free
    and a crowd signing in takes no more than 19 MiB a thread."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=MEMORY_KIB, parallelism=1, type=Type.ID)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        _give_large_blocks_back()
        self._nobodys = self._hasher.hash("nobody's password")

    async def hashed(self, password: str) -> str:
        """The hash to keep, in PHC form."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether it is the password of a kept hash; for None it takes as long and is not."""
        hashed = kept or self._nobodys
        same = await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, hashed, password)
        return same and kept is not None

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False


def _give_large_blocks_back() -> None:
    """Have malloc return each hash's 19 MiB to the system. Left alone, glibc takes the first such block for a reason to
    keep the next ones, one for each thread, for the life of the process; other C libraries have no such call."""
    if tune := getattr(ctypes.CDLL(None), "mallopt", None):
        tune(M_MMAP_THRESHOLD, 4 * 1024 * 1024)
