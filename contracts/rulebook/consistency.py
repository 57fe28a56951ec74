"""What cannot hold between the parts of one rulebook. Each check names the parts it needs and is asked only when all of
them could be read; what is wrong inside a part is said by the part itself."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from contracts.rulebook.applicants import Applicants
from contracts.rulebook.calendar import Phase, PhaseId
from contracts.rulebook.clause import Contradiction
from contracts.rulebook.duties import NoticeRule, Report
from contracts.rulebook.honours import Award, Scoring
from contracts.rulebook.moment import Moment
from contracts.rulebook.review import Quota, Recommender, ReviewStep
from contracts.rulebook.tracks import Track
from contracts.rulebook.voting import Voting

Found = Iterator[Contradiction]
Phases = tuple[Phase, ...]


def phase(phases: Phases, wanted: PhaseId) -> Phase | None:
    return next((each for each in phases if each.id == wanted), None)


def time_zone_is_known(time_zone: str) -> Found:
    if zone_of(time_zone) is None:
        yield Contradiction("time_zone", f"{time_zone!r} is no time zone; use an IANA name such as Asia/Shanghai")


def offsets_fit_the_time_zone(
    time_zone: str, phases: Phases, voting: Voting | None, reports: tuple[Report, ...]
) -> Found:
    zone = zone_of(time_zone)
    for at, moment in moments(phases, voting, reports):
        if zone and not moment.root.endswith("Z"):
            local = moment.instant.astimezone(zone).strftime("%z")
            local = f"{local[:3]}:{local[3:]}"
            if not moment.root.endswith(local):
                yield Contradiction(
                    at, f"{moment} has another offset than {time_zone}, which is {local} then; mend one"
                )


def zone_of(name: str) -> ZoneInfo | None:
    """The zone of a name; None where the name leads nowhere."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def moments(phases: Phases, voting: Voting | None, reports: tuple[Report, ...]) -> Iterator[tuple[str, Moment]]:
    """Every moment of a rulebook with its path."""
    windows = [(f"phases[{index}]", window) for index, window in enumerate(phases)]
    if voting:
        windows += [(f"voting.windows[{index}]", window) for index, window in enumerate(voting.windows)]  # type: ignore[misc] # phases are windows
    for at, window in windows:
        yield f"{at}.opens", window.opens
        yield f"{at}.closes", window.closes
    for index, report in enumerate(reports):
        if report.due:
            yield f"reports[{index}].due", report.due


def entries_can_be_submitted(tracks: tuple[Track, ...], phases: Phases) -> Found:
    if tracks and phase(phases, "submission") is None:
        yield Contradiction("phases", "there are tracks but no phase submission to enter them in; add it")


def drain_is_a_length(drain: timedelta) -> Found:
    if drain < timedelta(0):
        yield Contradiction("drain", "a length of time cannot be negative; give 0s or more")


def drain_has_a_deadline(drain: timedelta, phases: Phases) -> Found:
    if drain and phase(phases, "submission") is None:
        yield Contradiction("drain", "there is no phase submission whose deadline it could follow; take drain out")


def phases_follow_each_other(phases: Phases, drain: timedelta) -> Found:
    submission, screening = phase(phases, "submission"), phase(phases, "screening")
    for index, each in enumerate(phases):
        at = f"phases[{index}]"
        match each.id:
            case "registration" if submission and each.opens.instant > submission.opens.instant:
                yield Contradiction(f"{at}.opens", "opens after submission does; nobody could submit in between")
            case "screening" if submission and each.closes.instant <= submission.closes.instant + drain:
                yield Contradiction(f"{at}.closes", "closes before the last entry is in (deadline and drain); move it")
            case "voting" if screening and each.opens.instant < screening.opens.instant:
                yield Contradiction(f"{at}.opens", "opens before screening does; there would be nothing to vote on")
            case "publication":
                for before in phases:
                    if before.id in ("submission", "voting") and each.opens.instant < before.closes.instant:
                        yield Contradiction(f"{at}.opens", f"results would be out before {before.id} closes; move it")
            case _:
                pass


def voting_lies_in_its_phase(voting: Voting | None, phases: Phases) -> Found:
    during = phase(phases, "voting")
    if voting is None:
        if during:
            at = f"phases[{phases.index(during)}]"
            yield Contradiction(at, "there is a phase voting, but no voting section says how; add it")
        return
    if during is None:
        yield Contradiction("voting", "there is no phase voting to vote in; add it under phases")
        return
    for index, window in enumerate(voting.windows):
        if not during.covers(window):
            span = f"{during.opens} to {during.closes}"
            yield Contradiction(f"voting.windows[{index}]", f"lies outside the phase voting ({span}); move one of them")
    length = voting.windows[-1].closes.instant - voting.windows[0].opens.instant
    if voting.hide_ranking_for_last > length:
        yield Contradiction("voting.hide_ranking_for_last", "is longer than the voting itself; shorten it")


def awards_by_votes_have_a_vote(awards: tuple[Award, ...], voting: Voting | None) -> Found:
    for index, award in enumerate(awards):
        if award.basis.kind in ("votes", "taking-part") and voting is None:
            at = f"awards[{index}].basis"
            yield Contradiction(at, "rests on votes, but the rulebook has no voting; add it or change the basis")


def awards_by_votes_are_voted_on(awards: tuple[Award, ...], voting: Voting | None, tracks: tuple[Track, ...]) -> Found:
    silent = {track.id for track in tracks} - set(voting.tracks if voting else ())
    for index, award in enumerate(awards):
        if voting and award.basis.kind == "votes" and award.basis.track in silent:
            at = f"awards[{index}].basis.track"
            yield Contradiction(at, "is not voted on; add it to voting.tracks or change the basis")


def awards_by_score_are_scored(awards: tuple[Award, ...], scoring: Scoring | None) -> Found:
    for index, award in enumerate(awards):
        if award.basis.kind == "score" and scoring is None:
            at = f"awards[{index}].basis"
            yield Contradiction(at, "rests on scores, but the rulebook has no scoring; add it or change the basis")


def somebody_decides(applicants: Applicants, review_chain: tuple[ReviewStep, ...]) -> Found:
    decided = [step for step in review_chain if step.subject == "certification"]
    if applicants.certification and not decided:
        yield Contradiction("review_chain", "no step decides on certifications; add one with subject: certification")
    if decided and applicants.certification is None:
        at = f"review_chain[{review_chain.index(decided[0])}].subject"
        yield Contradiction(at, "nobody has to be certified here; add applicants.certification or take the step out")


def recommenders_exist(review_chain: tuple[ReviewStep, ...], recommenders: tuple[Recommender, ...]) -> Found:
    for index, step in enumerate(review_chain):
        if step.by == "recommender" and not recommenders:
            yield Contradiction(f"review_chain[{index}].by", "there are no recommenders; list them under recommenders")


def quotas_are_set_once(quotas: tuple[Quota, ...]) -> Found:
    whom = [(quota.per, quota.track, getattr(quota, "kind", None)) for quota in quotas]
    for index, each in enumerate(whom):
        if each in whom[:index]:
            yield Contradiction(f"quotas[{index}]", f"sets again what quotas[{whom.index(each)}] sets; keep one")


def reminders_fit_the_submission(notices: tuple[NoticeRule, ...], phases: Phases) -> Found:
    submission = phase(phases, "submission")
    for index, notice in enumerate(notices):
        if notice.before and submission is None:
            yield Contradiction(f"notices[{index}].when", "there is no phase submission, so no deadline to be near")
        elif notice.before and submission and notice.before > submission.closes.instant - submission.opens.instant:
            yield Contradiction(f"notices[{index}].before", "is longer than submission is open; shorten it")


CHECKS: tuple[Callable[..., Found], ...] = (
    time_zone_is_known,
    offsets_fit_the_time_zone,
    entries_can_be_submitted,
    drain_is_a_length,
    drain_has_a_deadline,
    phases_follow_each_other,
    voting_lies_in_its_phase,
    awards_by_votes_have_a_vote,
    awards_by_votes_are_voted_on,
    awards_by_score_are_scored,
    somebody_decides,
    recommenders_exist,
    quotas_are_set_once,
    reminders_fit_the_submission,
)


def inconsistencies(parts: Mapping[str, object]) -> Found:
    """All that cannot hold between the parts that could be read, each given under its key in the rulebook."""
    for check in CHECKS:
        needs = inspect.signature(check).parameters
        if all(name in parts for name in needs):
            yield from check(**{name: parts[name] for name in needs})
