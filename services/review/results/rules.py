"""Who ranks where, and who wins what: by the votes, the scores and the rulebook alone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from statistics import fmean
from typing import TypeVar

from chassis.refusal import Refused
from contracts.events.review import Ranked
from contracts.ids import AccountId, StudioId
from contracts.rulebook import Rulebook
from contracts.rulebook.honours import Award as AwardRules
from contracts.rulebook.honours import ByScore, ByVotes, Scoring
from services.review.results.models import Award, Contender, Publication, Score, ScoreSheet, Standing, Tally
from services.review.screening.models import Entry

K = TypeVar("K", bound=str)
ALIKE = 6
"""Weighted means are compared to so many decimals: binary fractions must not break a tie."""


def contenders(entries: Iterable[Entry], tally: Tally, rulebook: Rulebook) -> tuple[Contender, ...]:
    """Approved entries of the tracks that are voted on; one nobody voted for has no votes."""
    votes = {each.entry: each.votes for each in tally.entries}
    tracks = rulebook.voting.tracks if rulebook.voting else ()
    fields = ("entry", "studio", "account", "track", "title", "studio_name")
    return tuple(
        Contender(**entry.model_dump(include=set(fields)), votes=votes.get(entry.entry, 0))
        for entry in entries
        if entry.track in tracks
    )


def places(values: Mapping[K, float]) -> dict[K, int]:
    """The rank of each, the highest value first: equals share a rank and the next one is skipped (1, 2, 2, 4)."""
    order = sorted(values.values(), reverse=True)
    return {key: order.index(values[key]) + 1 for key in sorted(values, key=lambda key: (-values[key], key))}


def ranking(entered: Iterable[Contender]) -> tuple[Ranked, ...]:
    """Entries by votes; equal votes share a rank and are listed by id."""
    by_entry = {each.entry: each for each in entered}
    ranks = places({entry: each.votes for entry, each in by_entry.items()})
    return tuple(_ranked(by_entry[entry], rank) for entry, rank in ranks.items())


def _ranked(each: Contender, rank: int) -> Ranked:
    return Ranked(
        rank=rank,
        entry=each.entry,
        studio=each.studio,
        title=each.title,
        studio_name=each.studio_name,
        votes=each.votes,
    )


def totals(scores: Iterable[Score], scoring: Scoring) -> dict[StudioId, float]:
    """Each studio's score: the experts' mean in each dimension, weighted. A dimension nobody scored leaves it out."""
    given: dict[StudioId, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for score in scores:
        given[score.studio][score.dimension].append(score.score)
    weights = {dimension.id: dimension.weight for dimension in scoring.dimensions}
    return {
        studio: round(sum(fmean(found[name]) * weight for name, weight in weights.items()) / 100, ALIKE)
        for studio, found in given.items()
        if weights.keys() <= found.keys()
    }


def awards(
    rulebook: Rulebook,
    entered: tuple[Contender, ...],
    scores: Iterable[Score],
    accounts: Mapping[StudioId, AccountId],
    asked: Publication,
) -> tuple[Award, ...]:
    """Every award that votes or scores decide, in the rulebook's order. What an authority names is not granted here."""
    total = totals(scores, rulebook.scoring) if rulebook.scoring else {}
    granted: list[Award] = []
    for award in rulebook.awards:
        count = award.count or asked.counts.get(award.id, 1)
        match award.basis:
            case ByVotes(track=track):
                granted += _by_votes(award, count, [each for each in entered if each.track == track])
            case ByScore():
                granted += _by_score(award, count, total, accounts)
    return tuple(granted)


def _by_votes(award: AwardRules, count: int, entered: Iterable[Contender]) -> Iterator[Award]:
    """An applicant stands with its entry of most votes: more entries do not add up to more votes."""
    best: dict[str, Contender] = {}
    for each in sorted(entered, key=lambda each: (-each.votes, each.entry)):
        best.setdefault(each.entry if award.to == "entry" else each.studio, each)
    ranks = places({key: each.votes for key, each in best.items() if each.votes})
    for key, rank in ranks.items():
        if rank <= count:
            each = best[key]
            yield Award(
                award=award.id,
                title=award.title.zh,
                rank=rank,
                entry=each.entry,
                studio=each.studio,
                account=each.account,
                votes=each.votes,
            )


def _by_score(
    award: AwardRules, count: int, total: Mapping[StudioId, float], accounts: Mapping[StudioId, AccountId]
) -> Iterator[Award]:
    for studio, rank in places(total).items():
        if rank <= count:
            yield Award(
                award=award.id,
                title=award.title.zh,
                rank=rank,
                studio=studio,
                account=accounts.get(studio),
                score=total[studio],
            )


def against_score(sheet: ScoreSheet, rulebook: Rulebook, standing: Standing, now: datetime) -> Iterator[Refused]:
    """Studios are scored in the rulebook's dimensions, in its phase, until results are published."""
    scoring = rulebook.scoring
    if scoring is None or scoring.subject != "applicant":
        yield Refused(
            409, "not_scored", "此活动没有对工作室的专家评价。", "In this campaign experts do not score studios."
        )
        return
    names = [dimension.id for dimension in scoring.dimensions]
    if sheet.dimension not in names:
        zh, en = "活动规则中没有这个评价维度。", "The rulebook has no such dimension."
        yield Refused(422, "unknown_dimension", zh, en, measured=sheet.dimension, expected=names)
    if standing.published is not None:
        zh, en = "结果已公布，评分不能再修改。", "Results are published; scores do not change any more."
        yield Refused(409, "results_published", zh, en, at=standing.published.at.isoformat())
    phase = rulebook.phase(scoring.phase)
    if phase is None or not phase.holds(now):
        zh, en = "现在不在专家评价时间内。", "Experts do not score at this time."
        expected = f"{phase.opens} – {phase.closes}" if phase else scoring.phase
        yield Refused(409, "evaluation_closed", zh, en, measured=now.isoformat(), expected=expected)


def against_publication(asked: Publication, rulebook: Rulebook, standing: Standing, now: datetime) -> Iterator[Refused]:
    """Results are published when the tally is closed and the rulebook's day has come."""
    if standing.tally is None:
        yield Refused(409, "tally_open", "计票尚未结束，不能公布结果。", "The tally is not closed yet.")
    phase = rulebook.phase("publication")
    if phase is not None and now < phase.opens.instant:
        zh, en = "还没有到结果公布时间。", "It is too early to publish results."
        yield Refused(409, "too_early", zh, en, measured=now.isoformat(), expected=f"≥ {phase.opens}")
    open_ended = [award.id for award in rulebook.awards if award.count is None and _decided_here(award)]
    if odd := [award for award in asked.counts if award not in open_ended]:
        zh, en = (
            "只有活动规则未定名额的奖项才能指定名额。",
            "A count is given only for awards whose number is left open.",
        )
        yield Refused(422, "count_not_open", zh, en, measured=odd, expected=open_ended)


def against_tally(entered: Iterable[Contender], tally: Tally) -> Iterator[Refused]:
    """Every vote is for an entry we approved; anything else is a fault somebody has to look at."""
    known = {each.entry for each in entered}
    if strange := [each.entry for each in tally.entries if each.entry not in known]:
        zh, en = "计票结果中有未通过初筛的申报，请联系技术人员。", "The tally names entries that are not approved."
        yield Refused(409, "tally_names_strangers", zh, en, measured=strange)


def _decided_here(award: AwardRules) -> bool:
    return isinstance(award.basis, ByVotes | ByScore)
