"""Reads `zhumeng.votes`, the stream of every counted vote, from any point: for whoever wants to count for himself."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from chassis.rabbitstream import RabbitStream
from chassis.streams import Entry, Place, body
from contracts.events.voting import VoteCast

NAME = "zhumeng.votes"
Numbered = tuple[int, VoteCast]
QUIET_S = 5.0
"""A stream that does not give its newest message within this has none."""
SILENT_S = 30.0
"""A stream that gives nothing for this long before its end was deleted under its reader, or its broker hangs."""


async def votes(url: str, start: Place = "first", follow: bool = False) -> AsyncGenerator[VoteCast]:
    """Votes from `first`, `last`, an offset or about a time on; to the present end, or for ever. ConnectionError where
    the broker is away."""
    async with aclosing(numbered_votes(url, start, follow)) as numbered:
        async for _, vote in numbered:
            yield vote


async def numbered_votes(
    url: str, start: Place = "first", follow: bool = False
) -> AsyncGenerator[tuple[int, VoteCast]]:
    """The same with the offset each lies at, for whoever keeps his place."""
    async with aclosing(entries(url, start, follow)) as batches:  # also where the reader has had enough
        async for found, _ in batches:
            for entry in found:
                yield entry.offset, VoteCast.model_validate_json(body(entry.message))


async def entries(url: str, start: Place = "first", follow: bool = False) -> AsyncGenerator[tuple[list[Entry], int]]:
    """The messages as they come, and with them the offset of the newest there was at the beginning: without `follow`
    none behind it. ConnectionError where the broker is away."""
    stream, place = RabbitStream(url, NAME), start
    try:
        newest = await stream.poll("last", QUIET_S)
        end = newest[-1].offset if newest else -1
        while follow or (newest and (not isinstance(place, int) or place <= end)):
            found = await stream.poll(place, SILENT_S if isinstance(place, int) else QUIET_S)
            if found:
                place = found[-1].offset + 1
                if wanted := found if follow else [entry for entry in found if entry.offset <= end]:
                    yield wanted, end
            elif not follow and isinstance(place, int):
                raise ConnectionError(f"{NAME} gave nothing for {SILENT_S:.0f} s at {place}, its end is {end}")
            elif not follow:
                return  # nothing since that time
    finally:
        await stream.stop()
