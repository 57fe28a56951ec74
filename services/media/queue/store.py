"""Jobs, in MongoDB. Times are the database's own: workers' clocks do not matter."""

import random
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel, ReturnDocument
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import MaterialId, Province
from services.media.queue import rules
from services.media.queue.clocks import Clocks
from services.media.queue.models import OPEN, SUSPECTED, Job, Lane, Overview, Task

KEPT = timedelta(days=7)
"""How long a finished job is remembered, for those who ask how long things took."""
LINE = [(name, ASCENDING) for name in ("level", "province", "turn", "again", "queued_at")]
"""The order of a lane, and of lanes by level."""
OVER: Document = {"$expr": {"$lt": ["$until", "$$NOW"]}}
"""A lease that ran out, or a pause."""
MEASURED = 50
"""The latest finished jobs of a level that say how long one takes."""


class QueueStore:
    """One document for each job. A claim is one atomic update of one document."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._jobs = database.jobs
        self.clocks = Clocks(database)

    async def prepare(self) -> None:
        """Create the indexes: whose turn it is, what a studio has waiting, whose lease ran out, what took how long."""
        await self._jobs.create_indexes(
            [
                IndexModel([("state", ASCENDING), *LINE]),
                IndexModel([("studio", ASCENDING), ("state", ASCENDING), ("level", ASCENDING), ("turn", DESCENDING)]),
                IndexModel([("state", ASCENDING), ("until", ASCENDING)]),
                IndexModel([("state", ASCENDING), ("queued_at", ASCENDING)]),
                IndexModel([("material", ASCENDING)]),
                IndexModel([("level", ASCENDING), ("finished_at", DESCENDING)]),
                IndexModel([("finished_at", ASCENDING)], expireAfterSeconds=int(KEPT.total_seconds())),
            ]
        )

    async def add(self, tx: Transaction, job: Job) -> None:
        """Queue a job in its studio's turn; one that is in the line already stays as it is. One that was done, or was
        dropped when newer material came, is queued anew: who asks for it knows that it still has to be done."""
        mine = {"studio": job.studio, "state": {"$in": OPEN}, "level": job.level, "again": job.again}
        last = await self._jobs.find_one(mine, {"turn": 1}, sort=[("turn", DESCENDING)], session=tx.session)
        turn = rules.turn_of(await self.clocks.turn(tx, job.lane), last["turn"] if last else None)
        row = {**job.model_dump(exclude={"id"}), "turn": turn}
        anew = {"$mergeObjects": [{"$literal": row}, {"_id": "$_id", "queued_at": "$$NOW"}]}
        over = {"$in": [{"$ifNull": ["$state", "done"]}, ["done"]]}
        fresh: list[Document] = [{"$replaceWith": {"$cond": [over, anew, "$$ROOT"]}}]
        await self._jobs.update_one({"_id": job.id}, fresh, upsert=True, session=tx.session)

    async def claim(self, worker: str, weights: rules.Weights, everything: bool) -> Job | None:
        """Take the job whose turn it is, and go on with its lane's clock; None where nothing waits. Not `everything`:
        only checks, and none that is suspect."""
        level = rules.CHECK if not everything else await self._first_level()
        if level is None:
            return None
        waiting: Document = {"state": "waiting", "level": level}
        provinces = await self._jobs.distinct("province", waiting)
        lanes = [Lane(level, province) for province in provinces]
        overview = Overview(clocks=await self.clocks.of(lanes))
        for lane in rules.in_turn(lanes, overview, {lane: random.random() for lane in lanes}):
            mine = {**waiting, "province": lane.province, **({} if everything else {"deaths": {"$lt": SUSPECTED}})}
            if job := await self._take(mine, worker):
                await self.clocks.bill(job, overview, weights)
                return job
        return None

    async def _first_level(self) -> int | None:
        found = await self._jobs.find_one({"state": "waiting"}, {"level": 1}, sort=LINE)
        return found["level"] if found else None

    async def _take(self, waiting: Document, worker: str) -> Job | None:
        leased = {
            "state": "running",
            "worker": worker,
            "until": _after(rules.LEASE),
            "started_at": "$$NOW",
            "percent": None,
        }
        row = await self._jobs.find_one_and_update(
            waiting, [{"$set": leased}], sort=LINE, return_document=ReturnDocument.AFTER
        )
        return _job(row) if row else None

    async def renew(self, job: Job, percent: int | None) -> bool:
        """Keep a job, and say how far it is; False where somebody else has it by now. One that was finished this moment
        is still this worker's: it must not be stopped on its way out of its transaction."""
        still = {"until": _after(rules.LEASE), "percent": percent}
        done = await self._jobs.update_one(_run(job), [{"$set": still}])
        return done.matched_count == 1

    async def finish(self, tx: Transaction, job: Job) -> None:
        """The job is done, together with what it was for, whoever did it."""
        over: list[Document] = [{"$set": {"state": "done", "finished_at": "$$NOW"}}]
        await self._jobs.update_one({"_id": job.id}, over, session=tx.session)

    async def give_back(self, job: Job, weights: rules.Weights) -> None:
        """A worker that stops in good order lets go of what it has not done; its lane was not served by that. A crash
        in between serves a lane one job less than its share, once."""
        back = await self._jobs.update_one(_held(job), {"$set": {"state": "waiting", "worker": None}})
        if back.modified_count:
            await self.clocks.refund(job, weights)

    async def pause(self, job: Job, delay: timedelta, failure: str) -> None:
        """Let a job that failed come back after a while."""
        failures = {"$concatArrays": ["$failures", [{"$literal": failure}]]}
        change = {**_paused(delay), "failures": failures, "put_off_since": None}
        await self._jobs.update_one(_held(job), [{"$set": change}])

    async def put_off(self, job: Job, delay: timedelta, fault: str) -> None:
        """Let a job come back after a while, for a fault of the platform."""
        since = {"$ifNull": ["$put_off_since", "$$NOW"]}
        change = {**_paused(delay), "reason": {"$literal": fault}, "put_off_since": since}
        await self._jobs.update_one(_held(job), [{"$set": change}])

    async def hold(self, job: Job, reason: str) -> None:
        """Give a job up until a person has looked at it."""
        await self._jobs.update_one(_held(job), {"$set": {"state": "held", "reason": reason, "worker": None}})

    async def tend(self) -> list[Job]:
        """Wake what was paused, and free what dead workers left; returns what is now held for having killed them."""
        await self._jobs.update_many({"state": "paused", **OVER}, {"$set": {"state": "waiting"}})
        await self._jobs.update_many(
            {"state": "running", **OVER}, {"$set": {"state": "waiting", "worker": None}, "$inc": {"deaths": 1}}
        )
        deadly = {"state": "waiting", "deaths": {"$gte": rules.DEATHS_ALLOWED}}
        reason = f"its worker was gone {rules.DEATHS_ALLOWED} times before it was done"
        held = []
        while row := await self._jobs.find_one_and_update(
            deadly, {"$set": {"state": "held", "reason": reason}}, return_document=ReturnDocument.AFTER
        ):
            held.append(_job(row))
        return held

    async def drop(self, tx: Transaction, materials: list[MaterialId]) -> None:
        """Take out of the line what is not worth doing any more, nor a person's time; what runs sees for itself."""
        over: list[Document] = [{"$set": {"state": "done", "finished_at": "$$NOW", "started_at": None}}]
        idle = {"material": {"$in": materials}, "state": {"$in": ["waiting", "paused", "held"]}}
        await self._jobs.update_many(idle, over, session=tx.session)

    async def release(self, job: str) -> bool:
        """Put a job that is held or paused back with a clean history, for a person who mended what kept it."""
        clean = {"state": "waiting", "deaths": 0, "failures": [], "reason": None, "put_off_since": None}
        kept = {"_id": job, "state": {"$in": ["held", "paused"]}}
        return (await self._jobs.update_one(kept, {"$set": clean})).matched_count == 1

    async def held(self) -> list[Job]:
        """What waits for a person, longest first."""
        return [_job(row) async for row in self._jobs.find({"state": "held"}).sort("queued_at", ASCENDING)]

    async def put_off_for(self, long: timedelta) -> list[Job]:
        """What faults of the platform have been keeping from being done for long, and still do, longest first."""
        since: Document = {"$and": [{"$gt": ["$put_off_since", None]}, {"$lt": ["$put_off_since", _before(long)]}]}
        rows = self._jobs.find({"state": "paused", "$expr": since}).sort("put_off_since", ASCENDING)
        return [_job(row) async for row in rows]

    async def unattended(self, long: timedelta) -> list[Job]:
        """What was queued long ago and lies there, waiting, or begun or paused and over with nobody to notice, while no
        worker has anything or began anything lately; longest first."""
        left = [{"state": "waiting"}, {"state": "running", **OVER}, {"state": "paused", "put_off_since": None, **OVER}]
        old: Document = {"$or": left, "$expr": {"$lt": ["$queued_at", _before(long)]}}
        found = [_job(row) async for row in self._jobs.find(old).sort("queued_at", ASCENDING)]
        leased: Document = {"state": "running", "$expr": {"$gte": ["$until", "$$NOW"]}}
        begun: Document = {"$or": [leased, {"$expr": {"$gt": ["$started_at", _before(long)]}}]}
        return [] if found and await self._jobs.find_one(begun, {"_id": 1}) else found

    async def of_material(self, material: MaterialId) -> dict[Task, Job]:
        """A material's jobs by task."""
        jobs = [_job(row) async for row in self._jobs.find({"material": material})]
        return {job.task: job for job in jobs}

    async def known(self, materials: list[MaterialId], task: Task) -> set[MaterialId]:
        """Those of some materials that such a task is in the line for, or held."""
        queued = {"material": {"$in": materials}, "task": task, "state": {"$ne": "done"}}
        rows = self._jobs.find(queued, {"material": 1})
        return {row["material"] async for row in rows}

    async def before(self, job: Job) -> int:
        """How many jobs of its lane go before a waiting one."""
        lane: dict[str, Any] = {"state": "waiting", "level": job.level, "province": job.province}
        sooner = [
            {"turn": {"$lt": job.turn}},
            {"turn": job.turn, "again": {"$lt": job.again}},
            {"turn": job.turn, "again": job.again, "queued_at": {"$lt": job.queued_at}},
        ]
        return await self._jobs.count_documents({**lane, "$or": sooner})

    async def overview(self) -> Overview:
        """The whole queue now."""
        counts = await self._counts()
        waiting = {Lane(level, province): n for (state, level, province), n in counts.items() if state == "waiting"}
        totals = {
            state: sum(n for key, n in counts.items() if key[0] == state) for state in ("running", "paused", "held")
        }
        at_work = Counter[int]()
        for (state, level, _), n in counts.items():
            at_work[level] += n if state == "running" else 0
        return Overview(
            waiting=waiting,
            clocks=await self.clocks.of(waiting) if waiting else {},
            oldest_s=await self._oldest(),
            took_s=await self._took_s(),
            at_work=at_work,
            **totals,
        )

    async def _counts(self) -> dict[tuple[str, int, Province], int]:
        group = {"_id": {name: f"${name}" for name in ("state", "level", "province")}, "n": {"$sum": 1}}
        steps: list[Document] = [{"$match": {"state": {"$in": [*OPEN, "held"]}}}, {"$group": group}]
        rows = await self._jobs.aggregate(steps)
        return {(r["_id"]["state"], r["_id"]["level"], r["_id"]["province"]): r["n"] async for r in rows}

    async def _oldest(self) -> float:
        steps: list[Document] = [
            {"$match": {"state": "waiting"}},
            {"$sort": {"queued_at": 1}},
            {"$limit": 1},
            {"$project": {"ms": {"$subtract": ["$$NOW", "$queued_at"]}}},
        ]
        rows = await (await self._jobs.aggregate(steps)).to_list()
        return rows[0]["ms"] / 1000 if rows else 0.0

    async def _took_s(self) -> Mapping[int, float]:
        took = {level: await self._took(level) for level in rules.LEVELS}
        return {level: seconds for level, seconds in took.items() if seconds is not None}

    async def _took(self, level: int) -> float | None:
        done = {"level": level, "finished_at": {"$type": "date"}, "started_at": {"$type": "date"}}
        steps: list[Document] = [
            {"$match": done},
            {"$sort": {"finished_at": -1}},
            {"$limit": MEASURED},
            {"$group": {"_id": None, "ms": {"$avg": {"$subtract": ["$finished_at", "$started_at"]}}}},
        ]
        rows = await (await self._jobs.aggregate(steps)).to_list()
        return rows[0]["ms"] / 1000 if rows else None


def _after(delay: timedelta) -> Document:
    return {"$add": ["$$NOW", round(delay.total_seconds() * 1000)]}


def _before(delay: timedelta) -> Document:
    return {"$subtract": ["$$NOW", round(delay.total_seconds() * 1000)]}


def _paused(delay: timedelta) -> Document:
    return {"state": "paused", "until": _after(delay), "worker": None}


def _held(job: Job) -> Document:
    """A job while this worker's run of it lasts."""
    return {**_run(job), "state": "running"}


def _run(job: Job) -> Document:
    """This worker's run of a job, and no later one."""
    return {"_id": job.id, "worker": job.worker, "started_at": job.started_at}


def _job(row: Document) -> Job:
    return Job(id=row["_id"], **{name: value for name, value in row.items() if name != "_id"})
