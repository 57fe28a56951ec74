"""Scores and what of each campaign's results there is, in MongoDB."""

from pymongo import ASCENDING, IndexModel
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from chassis.transaction import Transaction
from contracts.ids import CampaignId
from services.review.results.models import Published, Score, Standing, Tally


class ResultsStore:
    """`scores`, one document for each expert, studio and dimension; `standings`, one for each campaign."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._scores = database["scores"]
        self._standings = database["standings"]

    async def prepare(self) -> None:
        """Create collections and indexes; safe to repeat."""
        await self._scores.create_indexes([IndexModel([("campaign", ASCENDING)])])
        await self._standings.create_indexes([IndexModel([("published.at", ASCENDING)])])

    async def standing(self, campaign: CampaignId, tx: Transaction | None = None) -> Standing:
        """What there is so far; empty for a campaign nothing is known of."""
        row = await self._standings.find_one({"_id": campaign}, session=tx.session if tx else None)
        return Standing.model_validate(row or {})

    async def save_tally(self, tx: Transaction, campaign: CampaignId, tally: Tally) -> None:
        """Keep the closed tally."""
        change = {"$set": {"tally": tally.model_dump()}}
        await self._standings.update_one({"_id": campaign}, change, upsert=True, session=tx.session)

    async def publish(self, tx: Transaction, published: Published) -> None:
        """Freeze the results."""
        change = {"$set": {"published": published.model_dump()}}
        await self._standings.update_one({"_id": published.campaign}, change, upsert=True, session=tx.session)

    async def score(self, tx: Transaction, which: str) -> Score | None:
        """The score under an id."""
        row = await self._scores.find_one({"_id": which}, session=tx.session)
        return Score.model_validate(row) if row else None

    async def save_score(self, tx: Transaction, score: Score) -> None:
        """Write it and count it in the standing: a publication at the same moment conflicts with it."""
        await self._scores.update_one({"_id": score.id}, {"$set": score.model_dump()}, upsert=True, session=tx.session)
        counted = {"$inc": {"scored": 1}}
        await self._standings.update_one({"_id": score.campaign}, counted, upsert=True, session=tx.session)

    async def scores(self, tx: Transaction, campaign: CampaignId) -> list[Score]:
        """All scores of a campaign."""
        rows = self._scores.find({"campaign": campaign}, session=tx.session)
        return [Score.model_validate(row) async for row in rows]
