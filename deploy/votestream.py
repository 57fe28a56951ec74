"""Reads `zhumeng.votes`, the stream of every counted vote, from any point: for whoever wants to count for himself."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from chassis.partitions import Partitions
from chassis.streams import Entry, Place, Stream, body
from contracts.events.voting import VoteCast

NAME = "zhumeng.votes"
Start = Place | Mapping[str, int]
"""A place for every partition, or the offset for each by its name; where it has none, its first vote."""
QUIET_S = 5.0
"""A stream that does not give its newest message within this has none."""
SILENT_S = 30.0
"""A stream that gives nothing for this long before its end was deleted under its reader, or its broker hangs."""


class Numbered(NamedTuple):
    """A vote where it lies."""

    partition: str
    offset: int
    vote: VoteCast


class Batch(NamedTuple):
    """Messages of one partition, and the offset of the newest it had at the beginning."""

    partition: str
    entries: Sequence[Entry]
    end: int


async def votes(url: str, start: Start = "first", follow: bool = False) -> AsyncGenerator[VoteCast]:
    """Votes from `first`, `last`, an offset or about a time on; to the present end, or for ever. ConnectionError where
    the broker is away."""
    async with aclosing(numbered_votes(url, start, follow)) as numbered:
        async for each in numbered:
            yield each.vote


async def numbered_votes(url: str, start: Start = "first", follow: bool = False) -> AsyncGenerator[Numbered]:
    """The same with the partition and the offset each lies at, for whoever keeps his places."""
    async with aclosing(entries(url, start, follow)) as batches:  # also where the reader has had enough
        async for partition, found, _ in batches:
            for entry in found:
                yield Numbered(partition, entry.offset, VoteCast.model_validate_json(body(entry.message)))


async def entries(url: str, start: Start = "first", follow: bool = False) -> AsyncGenerator[Batch]:
    """The messages as they come, of all partitions at once, and in each in their order; without `follow` none behind
    what there was at the beginning. ConnectionError where the broker is away."""
    streams = Partitions(url, NAME)
    try:
        readers = []
        for name in await streams.parts():
            place = start.get(name, 0) if isinstance(start, Mapping) else start
            readers.append(_entries(name, await streams.part(name), place, follow))
        async with aclosing(_together(readers)) as batches:
            async for batch in batches:
                yield batch
    finally:
        await streams.stop()


async def _together(readers: Sequence[AsyncGenerator[Batch]]) -> AsyncGenerator[Batch]:
    """What any of them yields, as it comes, until all have ended."""
    waiting = {asyncio.ensure_future(anext(reader, None)): reader for reader in readers}
    try:
        while waiting:
            for one in (await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))[0]:
                reader = waiting.pop(one)
                if (batch := one.result()) is not None:
                    yield batch
                    waiting[asyncio.ensure_future(anext(reader, None))] = reader
    finally:
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _entries(name: str, stream: Stream, place: Place, follow: bool) -> AsyncGenerator[Batch]:
    newest = await stream.poll("last", QUIET_S)
    end = newest[-1].offset if newest else -1
    while follow or (newest and (not isinstance(place, int) or place <= end)):
        found = await stream.poll(place, SILENT_S if isinstance(place, int) else QUIET_S)
        if found:
            place = found[-1].offset + 1
            if wanted := found if follow else [entry for entry in found if entry.offset <= end]:
                yield Batch(name, wanted, end)
        elif not follow and isinstance(place, int):
            raise ConnectionError(f"{name} gave nothing for {SILENT_S:.0f} s at {place}, its end is {end}")
        elif not follow:
            return  # nothing since that time
