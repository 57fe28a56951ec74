"""Reads the provinces' queue, always inside the caller's region."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from chassis.mongo import Document
from services.review.queue.models import (
    CityCounts,
    Counts,
    Cursor,
    EntryLine,
    QueuePage,
    StudioLine,
    Summary,
    Wanted,
)
from services.review.screening.models import Kind, Region
from services.review.screening.store import HANDED_IN, ScreeningStore, within

PAGE = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COUNTED: tuple[tuple[Kind, str], ...] = (("studio", "studios"), ("entry", "entries"))


class QueueStore:
    """Pages and counts of what was handed in."""

    def __init__(self, screening: ScreeningStore) -> None:
        self._collections = screening.collections

    async def page(self, kind: Kind, region: Region, wanted: Wanted, after: Cursor | None, limit: int) -> QueuePage:
        """One page in the order things were handed in, after a cursor."""
        query = _query(region, wanted)
        total = await self._collections[kind].count_documents(query)
        lines = [line async for line in self._lines(kind, query, after, limit + 1)]
        more = len(lines) > limit
        return QueuePage(
            items=tuple(lines[:limit]), next=str(Cursor.after(lines[limit - 1])) if more else None, total=total
        )

    async def all(self, kind: Kind, region: Region, wanted: Wanted) -> AsyncIterator[StudioLine | EntryLine]:
        """Every line, in the order things were handed in."""
        async for line in self._lines(kind, _query(region, wanted), None, 0):
            yield line

    async def _lines(
        self, kind: Kind, query: Document, after: Cursor | None, limit: int
    ) -> AsyncIterator[StudioLine | EntryLine]:
        query = {"$and": [query, _beyond(after)]} if after else query
        unread = {"checks": 0, "materials": 0, "pii": 0}
        rows = self._collections[kind].find(query, unread, batch_size=PAGE)
        async for row in rows.sort([("handed_in_at", 1), ("_id", 1)]).limit(limit):
            named = {**row, kind: row["_id"]}
            yield StudioLine.model_validate(named) if kind == "studio" else EntryLine.model_validate(named)

    async def summary(self, region: Region) -> Summary:
        """The counts of a region, and of each of its cities."""
        cities: dict[tuple[str, str], dict[str, dict[str, int]]] = {}
        for kind, name in COUNTED:
            for row in await self._counted(kind, region):
                place, state = (row["_id"]["province"], row["_id"]["city"]), row["_id"]["state"]
                cities.setdefault(place, {"studios": {}, "entries": {}})[name][state] = row["n"]
        lines = tuple(
            CityCounts(province=province, city=city, **{name: Counts(**counts) for name, counts in both.items()})
            for (province, city), both in sorted(cities.items())
        )
        return Summary(
            studios=_sum([line.studios for line in lines]), entries=_sum([line.entries for line in lines]), cities=lines
        )

    async def _counted(self, kind: Kind, region: Region) -> list[Document]:
        group = {"_id": {name: f"${name}" for name in ("province", "city", "state")}, "n": {"$sum": 1}}
        answer = await self._collections[kind].aggregate([{"$match": _query(region, Wanted())}, {"$group": group}])
        return await answer.to_list()


def _sum(counts: list[Counts]) -> Counts:
    return Counts(**{state: sum(getattr(each, state) for each in counts) for state in Counts.model_fields})


def _query(region: Region, wanted: Wanted) -> Document:
    """The region stands beside what is wanted, so that no filter can widen it."""
    exact = wanted.model_dump(exclude={"text"}, exclude_none=True)
    parts: list[Document] = [HANDED_IN, within(region), exact]
    if wanted.text:
        like = {"$regex": re.escape(wanted.text), "$options": "i"}
        parts.append({"$or": [{name: like} for name in ("name", "studio_name", "title")]})
    return {"$and": [part for part in parts if part]}


def _beyond(after: Cursor) -> Document:
    at = EPOCH + timedelta(milliseconds=after.handed_in_ms)
    return {"$or": [{"handed_in_at": {"$gt": at}}, {"handed_in_at": at, "_id": {"$gt": after.id}}]}
