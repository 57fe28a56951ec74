"""Experts score, the tally closes, results are published."""

from dataclasses import dataclass
from typing import Any

from chassis.clock import Clock
from chassis.identity import Caller
from chassis.logs import log
from chassis.refusal import Refused
from chassis.transaction import Transaction, Transactions, transactional
from contracts.events.review import AwardGranted, ResultsPublished, ScoreGiven
from contracts.events.voting import TallyClosed
from contracts.ids import CampaignId
from contracts.rulebook import Rulebook, Rulebooks
from services.review.results import rules
from services.review.results.models import Publication, PublicResults, Published, Score, ScoreSheet, Tally
from services.review.results.store import ResultsStore
from services.review.screening.actions import insist, rulebook_of
from services.review.screening.rules import in_ms
from services.review.screening.store import ScreeningStore


@dataclass(frozen=True)
class Results:
    """From scores and votes to awards."""

    transactions: Transactions
    store: ResultsStore
    screening: ScreeningStore
    rulebooks: Rulebooks
    clock: Clock

    @transactional
    async def keep_tally(self, tx: Transaction, event: TallyClosed) -> None:
        """Keep the newest closed tally; published results stand, whatever comes after."""
        rulebook_of(self.rulebooks, event.campaign)
        standing = await self.store.standing(event.campaign, tx)
        tally = Tally(at=in_ms(event.at), votes=event.votes, entries=event.entries, digest=event.digest)
        if standing.published is None and (standing.tally is None or standing.tally.at < tally.at):
            await self.store.save_tally(tx, event.campaign, tally)

    @transactional
    async def score(self, tx: Transaction, caller: Caller, sheet: ScoreSheet) -> Score:
        """Give a certified studio a score; the same one again changes nothing."""
        rulebook, now = rulebook_of(self.rulebooks, sheet.campaign), in_ms(self.clock.now())
        studio = await self.screening.certification(tx, sheet.studio)
        if studio is None or studio.state != "approved":
            raise Refused(404, "studio_not_found", "没有这个工作室。", "There is no such studio.")
        insist(rules.against_score(sheet, rulebook, await self.store.standing(sheet.campaign, tx), now))
        score = Score(**sheet.model_dump(), by=caller.account, at=now, revision=rulebook.revision)
        before = await self.store.score(tx, score.id)
        if before is not None and before.score == score.score:
            return before
        await self.store.save_score(tx, score)
        tx.tell(ScoreGiven(**score.model_dump()))
        facts = score.model_dump(mode="json", include={"campaign", "revision", "dimension", "score"})
        tx.audit(f"studio/{score.studio}", "score", "", **facts)
        return score

    async def publish(self, caller: Caller, campaign: CampaignId, asked: Publication) -> PublicResults:
        """Freeze, award and publish, once; asked again, it gives what was published."""
        published, fresh = await self._publish(caller, rulebook_of(self.rulebooks, campaign), asked)
        if fresh:
            log().info("results_published", campaign=campaign, awards=len(published.awards))
        return _public(published)

    async def published(self, campaign: CampaignId) -> PublicResults:
        """The results; refused until they are published."""
        standing = await self.store.standing(campaign)
        if standing.published is None:
            zh, en = "结果尚未公布。", "There are no published results."
            raise Refused(404, "results_not_published", zh, en)
        return _public(standing.published)

    @transactional
    async def _publish(
        self, tx: Transaction, caller: Caller, rulebook: Rulebook, asked: Publication
    ) -> tuple[Published, bool]:
        standing, now = await self.store.standing(rulebook.id, tx), in_ms(self.clock.now())
        if standing.published is not None:
            return standing.published, False
        insist(rules.against_publication(asked, rulebook, standing, now))
        assert standing.tally is not None
        published = await self._result(tx, caller, rulebook, standing.tally, asked)
        await self.store.publish(tx, published)
        self._tell(tx, published)
        return published, True

    async def _result(
        self, tx: Transaction, caller: Caller, rulebook: Rulebook, tally: Tally, asked: Publication
    ) -> Published:
        entries = await self.screening.approved_entries(tx, rulebook.id)
        entered = rules.contenders(entries, tally, rulebook)
        insist(rules.against_tally(entered, tally))
        scores = await self.store.scores(tx, rulebook.id)
        accounts = await self.screening.accounts(tx, {score.studio for score in scores})
        return Published(
            campaign=rulebook.id,
            revision=rulebook.revision,
            at=in_ms(self.clock.now()),
            by=caller.account,
            ranking=rules.ranking(entered),
            awards=rules.awards(rulebook, entered, scores, accounts, asked),
            tally_digest=tally.digest,
        )

    def _tell(self, tx: Transaction, published: Published) -> None:
        subject = f"campaign/{published.campaign}"
        for award in published.awards:
            tx.tell(AwardGranted(**_of(published), **award.model_dump(exclude={"score"})))
            tx.audit(subject, "award", "", revision=published.revision, **award.model_dump(mode="json"))
        told: dict[str, Any] = {
            "results": published.ranking,
            "tally_digest": published.tally_digest,
            "by": published.by,
        }
        tx.tell(ResultsPublished(**_of(published), **told))
        tx.audit(subject, "publish", revision=published.revision, tally=published.tally_digest)


def _of(published: Published) -> dict[str, Any]:
    return published.model_dump(include={"at", "campaign", "revision"})


def _public(published: Published) -> PublicResults:
    return PublicResults(**published.model_dump(exclude={"by"}))
