"""Who is told what, by which way and when: pure, with the time passed in.

- The rulebook of a campaign says who is told of a milestone and by which way; one without a word on notices, and what
  belongs to no campaign, follows `DEFAULT`.
- Applicants get one mail for each notice. Admins get one row for each in their inbox, and at most one mail in
  `digest_every`: the first goes at once, what comes after it waits and goes together.
- A package that passed is not told of; one that failed or has advice is, its advice once.
- Machines (frontend, ops, analytics accounts) are told nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from typing import Any, Final

from contracts.events.event import Event
from contracts.events.media import Finding, MediaValidated
from contracts.events.registration import AccountOpened, EntrySubmitted, StudioRegistered
from contracts.events.review import (
    AwardGranted,
    EntrySubject,
    ProvinceApproved,
    ProvinceReturned,
    ResultsPublished,
    StudioSubject,
)
from contracts.rulebook import Rulebook
from services.notify.models import Account, Mail, Milestone, Side, Telling, To, Way

BOTH: Final[frozenset[Way]] = frozenset(("inbox", "mail"))
DEFAULT: Final[Mapping[Milestone, Mapping[Side, frozenset[Way]]]] = {
    "account-opened": {"applicant": BOTH},
    "certification-submitted": {"applicant": BOTH, "province": BOTH},
    "certification-approved": {"applicant": BOTH},
    "certification-returned": {"applicant": BOTH},
    "material-checked": {"applicant": BOTH},
    "entry-submitted": {"applicant": BOTH, "province": BOTH},
    "entry-approved": {"applicant": BOTH},
    "entry-returned": {"applicant": BOTH},
    "award-granted": {"applicant": BOTH, "province": BOTH},
    "results-published": {"applicant": BOTH},
}
MACHINES: Final = frozenset(("frontend", "ops", "analytics"))

LEASE: Final = timedelta(seconds=60)
"""Whoever claimed a mail has this long to send it; then it is anybody's again."""
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=5), timedelta(minutes=15)
DIGEST_MOST: Final = 200
"""The most notices one mail to an admin stands for."""


@dataclass(frozen=True)
class Happening:
    """An event as notices see it: a milestone, what there is to say, and whom it concerns on each side."""

    milestone: Milestone
    facts: dict[str, Any]
    to: Mapping[Side, To]


def delay_after(tries: int) -> timedelta:
    """How long a mail that was not taken waits before its next try: longer each time, to a bound."""
    return min(FIRST_DELAY * (1 << min(tries - 1, 20)), LONGEST_DELAY)


def concerns(account: Account) -> list[str]:
    """What `To.of` can be in messages this account may get; empty stands for all admins of its role."""
    admin = account.role in ("province", "national")
    named = (account.id, account.studio, account.province, account.city, "" if admin else None)
    return [of for of in named if of is not None]


def tellings(event: Event, rulebook: Rulebook | None) -> Iterator[Telling]:
    """Everything an event has to be told about, to each side."""
    for happening in _happenings(event):
        for side, ways in _ways(happening.milestone, rulebook).items():
            if side in happening.to:
                template = happening.milestone if side == "applicant" else f"{happening.milestone}-admin"
                campaign = {"campaign": rulebook.title.model_dump() if rulebook else None}
                yield Telling(
                    to=happening.to[side], template=template, mail=_mail(side, ways),
                    facts=happening.facts | campaign,
                )  # fmt: skip


def _mail(side: Side, ways: frozenset[Way]) -> Mail:
    if "mail" not in ways:
        return "none"
    return "single" if side == "applicant" else "digest"


def _ways(milestone: Milestone, rulebook: Rulebook | None) -> Mapping[Side, frozenset[Way]]:
    if rulebook is None or not rulebook.notices:
        return DEFAULT[milestone]
    rows = [notice for notice in rulebook.notices if notice.when == milestone]
    return {side: frozenset(way for row in rows if side in row.to for way in row.by) for row in rows for side in row.to}


def _happenings(event: Event) -> Iterator[Happening]:
    match event:
        case AccountOpened(role=role) if role in MACHINES:
            return
        case AccountOpened():
            yield Happening("account-opened", {"role": event.role}, {"applicant": To(kind="account", of=event.account)})
        case StudioRegistered():
            facts = {"studio": event.name, "again": event.attempt > 1}
            yield Happening("certification-submitted", facts, _of(event.account, event.province, event.city))
        case EntrySubmitted():
            facts = {"studio": event.studio_name, "title": event.title, "again": event.attempt > 1}
            yield Happening("entry-submitted", facts, _of(event.account, event.province, event.city))
        case MediaValidated() if event.verdict == "fail" or (event.verdict == "advice" and event.stage != "second"):
            broken = [_finding(finding) for finding in event.findings if not finding.ok]
            facts = {"file": event.name, "failed": event.verdict == "fail", "findings": broken}
            facts["mend_by"] = event.mend_by
            yield Happening("material-checked", facts, _of_studio(event.studio))
        case ProvinceApproved() | ProvinceReturned():
            yield _decision(event)
        case AwardGranted():
            facts = {"award": event.title, "rank": event.rank, "votes": event.votes}
            yield Happening("award-granted", facts, _of_awarded(event))
        case ResultsPublished():
            yield from _results(event)


def _decision(event: ProvinceApproved | ProvinceReturned) -> Happening:
    returned = event if isinstance(event, ProvinceReturned) else None
    facts: dict[str, Any] = {"again": event.about.attempt > 1}
    if returned is not None:
        facts["reasons"] = [reason.model_dump() for reason in returned.reasons]
        facts["mend_by"] = returned.mend_by
    to = _of(event.about.account, event.province, event.city)
    match event.about:
        case StudioSubject(name=name):
            milestone: Milestone = "certification-returned" if returned else "certification-approved"
            return Happening(milestone, facts | {"studio": name}, to)
        case EntrySubject(studio_name=name, title=title):
            milestone = "entry-returned" if returned else "entry-approved"
            return Happening(milestone, facts | {"studio": name, "title": title}, to)


def _results(event: ResultsPublished) -> Iterator[Happening]:
    """The applicants each with their own places, the admins with the best."""
    ranked = sorted(event.results, key=lambda line: (line.studio, line.rank))
    for studio, lines in groupby(ranked, key=lambda line: line.studio):
        mine = {"results": [line.model_dump() for line in lines], "entries": len(ranked)}
        yield Happening("results-published", mine, {"applicant": To(kind="studio", of=studio)})
    best = {"results": [line.model_dump() for line in event.results[:10]], "entries": len(ranked)}
    yield Happening("results-published", best, {"province": To(kind="provinces"), "national": To(kind="national")})


def _finding(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(include={"level", "measured", "expected", "file", "message", "mend"})


def _of(account: str, province: str, city: str) -> dict[Side, To]:
    """An account, and the admins above it."""
    return {
        "applicant": To(kind="account", of=account), "city": To(kind="city", of=city),
        "province": To(kind="province", of=province), "national": To(kind="national"),
    }  # fmt: skip


def _of_studio(studio: str) -> dict[Side, To]:
    """A studio's account and the admins above it, where the event does not name them."""
    return {
        "applicant": To(kind="studio", of=studio), "city": To(kind="city-of", of=studio),
        "province": To(kind="province-of", of=studio), "national": To(kind="national"),
    }  # fmt: skip


def _of_awarded(event: AwardGranted) -> dict[Side, To]:
    if event.studio is not None:
        return _of_studio(event.studio)
    return {"applicant": To(kind="account", of=event.account)} if event.account is not None else {}
