"""Reads `zhumeng.votes`, the stream of every counted vote, from any point: for whoever wants to count for himself."""

from collections.abc import AsyncIterator

from chassis.rabbitstream import RabbitStream
from chassis.streams import Place, body
from contracts.events.voting import VoteCast

NAME = "zhumeng.votes"
QUIET_S = 5.0
"""A stream that does not give its newest message within this has none."""


async def votes(url: str, start: Place = "first", follow: bool = False) -> AsyncIterator[VoteCast]:
    """Votes from `first`, `last`, an offset or about a time on; to the present end, or for ever. ConnectionError where
    the broker is away."""
    async for _, vote in numbered_votes(url, start, follow):
        yield vote


async def numbered_votes(url: str, start: Place = "first", follow: bool = False) -> AsyncIterator[tuple[int, VoteCast]]:
    """The same with the offset each lies at, for whoever keeps his place."""
    stream, place = RabbitStream(url, NAME), start
    try:
        newest = await stream.poll("last", QUIET_S)
        end = newest[-1].offset if newest else -1
        while follow or not isinstance(place, int) or place <= end:
            found = await stream.poll(place, QUIET_S)
            if not found and not follow and not isinstance(place, int):
                return  # nothing since that time
            for entry in found:
                yield entry.offset, VoteCast.model_validate_json(body(entry.message))
                place = entry.offset + 1
    finally:
        await stream.stop()
