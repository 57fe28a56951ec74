"""How far each lane was served, in MongoDB: one document for each lane's clock, and one for where its level is."""

from collections.abc import Iterable, Mapping

from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from services.media.queue import rules
from services.media.queue.models import Job, Lane, Overview


class Clocks:
    """What lanes are billed for each job they were served."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._lanes = database.lanes

    async def of(self, lanes: Iterable[Lane]) -> Mapping[Lane, float]:
        """The clocks of some lanes, and where their levels are; a lane that was never served has none."""
        names = {_name(each): each for lane in lanes for each in (lane, Lane(lane.level, ""))}
        rows = self._lanes.find({"_id": {"$in": list(names)}}, {"clock": 1})
        return {names[row["_id"]]: row.get("clock", 0.0) async for row in rows}

    async def turn(self, tx: Transaction, lane: Lane) -> int:
        """The turn a lane has come to."""
        row = await self._lanes.find_one({"_id": _name(lane)}, {"turn": 1}, session=tx.session)
        return int((row or {}).get("turn", 0))

    async def bill(self, job: Job, overview: Overview, weights: rules.Weights) -> None:
        """A job's lane was served it. A crash before this serves a lane one job more than its share, once."""
        begins = rules.start(job.lane, overview)
        further: list[Document] = [
            {
                "$set": {
                    "clock": {"$add": [{"$max": ["$clock", begins]}, rules.step(job.lane, weights)]},
                    "turn": {"$max": ["$turn", job.turn]},
                }
            }
        ]
        await self._lanes.update_one({"_id": _name(job.lane)}, further, upsert=True)
        await self._lanes.update_one({"_id": _name(Lane(job.level, ""))}, {"$max": {"clock": begins}}, upsert=True)

    async def refund(self, job: Job, weights: rules.Weights) -> None:
        """A job's lane was not served it after all."""
        unserved = {"$inc": {"clock": -rules.step(job.lane, weights)}}
        await self._lanes.update_one({"_id": _name(job.lane)}, unserved)


def _name(lane: Lane) -> str:
    return f"{lane.level}/{lane.province or 'now'}"
