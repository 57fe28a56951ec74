"""Ballots of one channel, in MongoDB."""

from collections.abc import Sequence
from itertools import islice

import pymongo
from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document
from contracts.ids import BallotId, CampaignId
from services.voting.inquiries.models import Active
from services.voting.models import Kept
from services.voting.store import COUNTED, LOOKED_UP, kept

PATIENCE_S = 9.0


class InquiryStore:
    """Reads ballots; writes nothing."""

    def __init__(self, database: AsyncDatabase[Document]) -> None:
        self._ballots = database["ballots"]

    async def kept(self, channel: str, ballots: Sequence[BallotId]) -> list[Kept]:
        """Those of some ballots that are the channel's, and what they are now."""
        wanted = {"ballot": {"$in": list(ballots)}, "channel": channel}
        return [kept(row) async for row in self._ballots.find(wanted)]

    async def active(self, campaign: CampaignId, channel: str, limit: int) -> list[Active]:
        """A channel's voters with the most votes, most first; of equal ones, who voted first. It reads every ballot."""
        steps: list[Document] = [
            {"$match": {"campaign": campaign, "channel": channel, **COUNTED}},
            {"$project": {"voter": 1, "first": {"at": "$received_at", "ballot": "$ballot", "nonce": "$nonce"}}},
            {"$group": {"_id": "$voter", "votes": {"$sum": 1}, "first": {"$min": "$first"}}},
            {"$sort": {"votes": -1, "first.at": 1, "first.ballot": 1}},
            {"$limit": limit},
        ]
        with pymongo.timeout(PATIENCE_S):
            found = await self._ballots.aggregate(steps, allowDiskUse=True)
            return [
                Active(votes=row["votes"], ballot=row["first"]["ballot"], nonce=row["first"].get("nonce"))
                async for row in found
            ]

    async def votes_of(self, campaign: CampaignId, voters: Sequence[str]) -> dict[str, int]:
        """How many votes of some voters, by their pseudonyms, count."""
        votes, left = dict.fromkeys(voters, 0), iter(voters)
        while some := list(islice(left, LOOKED_UP)):
            spans = [{"_id": {"$gt": f"{campaign}/{voter}/", "$lt": f"{campaign}/{voter}0"}} for voter in some]
            async for row in self._ballots.find({"$or": spans, **COUNTED}, {"voter": 1}):
                votes[row["voter"]] += 1
        return votes
