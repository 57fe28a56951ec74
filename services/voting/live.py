"""The live tally for all who listen to it: looked at once a second for all of them together."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi.sse import KEEPALIVE_COMMENT

from chassis.clock import Clock
from chassis.refusal import Refused
from contracts.ids import CampaignId

EVERY = timedelta(seconds=1)
HEARTBEAT_S = 15.0
"""Proxies and phones give up a connection on which nothing is said for longer."""
MOST = 2_000
"""Who may listen to one process: 70 MB, and an eighth of a core while the tally changes every second. The rest is for
ballots."""
AGAIN_S = 30
"""When whoever found no room may come again: pages are looked at for minutes."""


def room() -> int:
    """How many may listen: no more than half of the files the process may open, of which each connection is one."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files == resource.RLIM_INFINITY else min(MOST, files // 2)


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
        self._listening, self._room = 0, room()
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

    def refuse_beyond_room(self) -> None:
        """Refused 503 where as many listen as may: open pages take nothing from ballots."""
        if self._listening >= self._room:
            zh = "正在观看实时计票的人太多，请稍后再来，或直接查询计票结果。"
            en = "Too many are listening to the tally just now; come again later, or ask how it stands."
            raise Refused(503, "too_many_listeners", zh, en, retry_after_s=AGAIN_S, listeners_at_most=self._room)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Somebody listens, from here to the end of his connection."""
        self._listening += 1
        try:
            yield
        finally:
            self._listening -= 1

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
