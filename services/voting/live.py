"""The live tally for all who listen to it: looked at once a second for all of them together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi.sse import KEEPALIVE_COMMENT

from chassis.clock import Clock
from contracts.ids import CampaignId

EVERY = timedelta(seconds=1)
HEARTBEAT_S = 15.0
"""Proxies and phones give up a connection on which nothing is said for longer."""


@dataclass(frozen=True)
class Seen:
    """How a tally stood when it was looked at, as it is sent to whoever listens."""

    etag: str
    event: bytes
    closed: bool


Look = Callable[[CampaignId], Awaitable[Seen]]


@dataclass
class Watched:
    """What is known of a campaign's tally, and how many listen to it."""

    seen: Seen
    looked_at: datetime
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Happens once, when `seen` is another; the next change has its own."""
    listeners: int = 0


class Live:
    """The tallies one process shows as they change."""

    def __init__(self, look: Look, clock: Clock, every: timedelta = EVERY) -> None:
        self._look, self._clock, self._every = look, clock, every
        self._watched: dict[CampaignId, Watched] = {}
        self._turn = asyncio.Lock()
        self._ended = asyncio.Event()

    async def seen(self, campaign: CampaignId) -> Seen:
        """The tally as it stood within the last second; raises what the look raises."""
        async with self._turn:
            watched, now = self._watched.get(campaign), self._clock.now()
            if watched is not None and timedelta() <= now - watched.looked_at < self._every:
                return watched.seen
            return self._note(campaign, await self._look(campaign), now)

    async def look_again(self) -> bool:
        """A round: look at each tally somebody listens to, once its second is over."""
        for campaign, watched in list(self._watched.items()):
            if watched.listeners:
                await self.seen(campaign)
        return False

    async def follow(self, campaign: CampaignId, known: str | None) -> AsyncIterator[bytes]:
        """A tally that was seen, unless it is the one that is known, and again whenever it is another, each at least a
        second after the one before; to its end when it is closed or the process is told to stop."""
        watched = self._watched[campaign]
        watched.listeners += 1
        try:
            while not self._ended.is_set():
                seen, changed = watched.seen, watched.changed
                if seen.etag != known:
                    known = seen.etag
                    yield seen.event
                    if not seen.closed:
                        await _happened(self._ended, self._every.total_seconds())
                elif seen.closed:
                    return
                elif not await _happened(changed, HEARTBEAT_S):
                    yield KEEPALIVE_COMMENT
        finally:
            watched.listeners -= 1

    def end(self) -> None:
        """Let everybody go, who will come again to another process: this one is told to stop."""
        self._ended.set()
        for watched in self._watched.values():
            watched.changed.set()

    def _note(self, campaign: CampaignId, seen: Seen, now: datetime) -> Seen:
        watched = self._watched.setdefault(campaign, Watched(seen, now))
        watched.looked_at = now
        if seen.etag != watched.seen.etag:
            watched.seen = seen
            watched.changed.set()
            watched.changed = asyncio.Event()
        return seen


async def _happened(event: asyncio.Event, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
    return event.is_set()
