"""Experts score, the nation's admin publishes, everybody reads."""

from fastapi import APIRouter

from chassis.identity import Expert, NationalAdmin
from contracts.ids import CampaignId
from services.review.results.actions import Results
from services.review.results.models import Publication, PublicResults, Score, ScoreSheet


def api(results: Results) -> APIRouter:
    """The routes of scores and results."""
    router = APIRouter(prefix="/v1", tags=["results"])

    @router.post("/scores")
    async def score(caller: Expert, sheet: ScoreSheet) -> Score:
        """Score a studio in one dimension, 0 to 100; a later score replaces an earlier one."""
        return await results.score(caller, sheet)

    @router.post("/campaigns/{campaign}/results")
    async def publish(caller: NationalAdmin, campaign: CampaignId, asked: Publication | None = None) -> PublicResults:
        """Publish the results, once; again, it answers what was published."""
        return await results.publish(caller, campaign, asked or Publication())

    @router.get("/campaigns/{campaign}/results")
    async def published(campaign: CampaignId) -> PublicResults:
        """The results, for everybody."""
        return await results.published(campaign)

    return router
