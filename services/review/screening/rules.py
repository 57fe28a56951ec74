"""What may be decided, by the rulebook and the time alone."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from chassis.refusal import Refused
from contracts.events.media import MediaValidated
from contracts.events.registration import EntrySubmitted, StudioRegistered
from contracts.events.review import ProvinceApproved, ProvinceReturned, Reason
from contracts.ids import AccountId, CampaignId, MaterialId, Revision
from contracts.rulebook import Rulebook
from contracts.rulebook.review import ReviewStep
from services.review.screening.models import (
    Approval,
    Certification,
    Check,
    CheckedMaterial,
    Decision,
    Entry,
    EntryPage,
    Return,
    Submission,
    Verdict,
)

BY_CHECK: Final = AccountId("check")
"""Who returns what media took its pass back for: nobody, the check itself."""
FILE_BROKEN: Final = "file-broken"
"""The reason's code, in every campaign."""
WORST_FIRST: tuple[Verdict, ...] = ("fail", "unchecked", "advice", "pass")


def in_ms(instant: datetime) -> datetime:
    """The instant as the database keeps it, cut to milliseconds: what was decided reads back equal."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def certification_of(event: StudioRegistered, known: Certification | None) -> Certification | None:
    """The studio as it now waits; None where this attempt or a newer one is known."""
    if known is not None and known.attempt >= event.attempt:
        return None
    decisions = known.decisions if known else ()
    fields = event.model_dump(exclude={"at"})
    return Certification(**fields, handed_in_at=in_ms(event.at), decisions=decisions)


def entry_of(event: EntrySubmitted, known: Entry | None, checks: tuple[Check, ...]) -> Entry | None:
    """The entry as it now waits; None where this attempt or a newer one is known."""
    if known is not None and known.attempt >= event.attempt:
        return None
    decisions = known.decisions if known else ()
    fields = event.model_dump(exclude={"at", "received_at"})
    return Entry(**fields, handed_in_at=in_ms(event.received_at), decisions=decisions, checks=checks)


def with_check(checks: tuple[Check, ...], event: MediaValidated) -> tuple[Check, ...] | None:
    """The checks with this one in them; None where it, or a later one of the same material, is known."""
    new = Check(at=in_ms(event.at), **event.model_dump(include=set(Check.model_fields) - {"at"}))
    if any(check.material == new.material and check.at >= new.at for check in checks):
        return None
    return (*(check for check in checks if check.material != new.material), new)


def materials_of(entry: Entry) -> tuple[CheckedMaterial, ...]:
    """The newest attempt's materials, each with what media found; until that is heard, with what registration said."""
    checks: dict[MaterialId, Check] = {check.material: check for check in entry.checks}
    found = []
    for material in entry.materials:
        check = checks.get(material.material)
        found.append(
            CheckedMaterial(
                **material.model_dump(exclude={"verdict", "stage"}),
                verdict=check.verdict if check else material.verdict,
                findings=check.findings if check else (),
                checked_at=check.at if check else None,
                stage=check.stage if check else material.stage,
            )
        )
    return tuple(found)


def taken_back(entry: Entry) -> tuple[tuple[CheckedMaterial, Check], ...]:
    """The materials of an entry that waits whose pass media took back after it was handed in, or just before."""
    if entry.state != "waiting":
        return ()
    checks = {check.material: check for check in entry.checks if check.stage == "second" and check.verdict == "fail"}
    return tuple((each, checks[each.material]) for each in materials_of(entry) if each.material in checks)


def return_of(entry: Entry, revision: Revision, latest: datetime | None, now: datetime) -> Decision | None:
    """The return of an entry whose material turned out broken, in nobody's name; None where there is no such thing."""
    back = taken_back(entry)
    if not back:
        return None
    ends = [latest, *(check.mend_by for _, check in back)]
    return Decision(
        attempt=entry.attempt,
        state="returned",
        by=BY_CHECK,
        at=now,
        revision=revision,
        reasons=tuple(_reason(each) for each, _ in back),
        reopened_slots=tuple(sorted({each.slot for each, _ in back})),
        mend_by=max(filter(None, ends), default=None),
    )


def _reason(material: CheckedMaterial) -> Reason:
    broken = [found.message.zh for found in material.findings if found.level == "required" and not found.ok]
    said = "".join(broken) or "材料不符合要求。"
    text = f"逐字节核对时发现问题：{said}请更换该材料后重新提交。 Reading every byte found this; send the file again."
    return Reason(code=FILE_BROKEN, about=f"slot:{material.slot}", text=text)


def verdict_of(entry: Entry) -> Verdict:
    """The worst verdict of its materials; an entry without material passes."""
    verdicts = {material.verdict for material in materials_of(entry)}
    return next((verdict for verdict in WORST_FIRST if verdict in verdicts), "pass")


def page_of(entry: Entry) -> EntryPage:
    """Everything an admin needs to decide on it."""
    fields = entry.model_dump(include=set(EntryPage.model_fields) - {"verdict", "materials"})
    return EntryPage(**fields, verdict=verdict_of(entry), materials=materials_of(entry))


def entry_step(rulebook: Rulebook) -> ReviewStep | None:
    """The step in which provinces screen entries, where the rulebook has one."""
    chain = rulebook.review_chain
    return next((step for step in chain if step.subject == "entry" and step.by == "province"), None)


def certification_steps(rulebooks: Iterable[Rulebook], now: datetime) -> tuple[tuple[Rulebook, ReviewStep], ...]:
    """The steps in which provinces certify studios now: in the step's own phase, or while entries are submitted."""
    return tuple(
        (rulebook, step)
        for rulebook in rulebooks
        for step in rulebook.review_chain
        if step.subject == "certification" and step.by == "province"
        if {phase.id for phase in rulebook.phases_at(now)} & {step.phase, "submission"}
    )


def mend_until(rulebook: Rulebook, step: ReviewStep, attempt: int, now: datetime) -> datetime | None:
    """The latest an attempt returned now can be mended; None where it cannot be any more."""
    again, submission, own = step.resubmission, rulebook.phase("submission"), rulebook.phase(step.phase)
    if again is None or (again.times is not None and attempt > again.times):
        return None
    ends = [now + again.within] + ([own.closes.instant] if own else [])
    if not again.open_after_deadline and submission is not None:
        ends.append(submission.closes.instant)
    latest = in_ms(min(ends))
    return latest if latest > now else None


def mend_until_of(entry: Entry, rulebook: Rulebook, now: datetime) -> datetime | None:
    """The latest an entry returned now can be mended, by its rulebook."""
    step = entry_step(rulebook)
    return mend_until(rulebook, step, entry.attempt, now) if step else None


def against_deciding(submission: Submission, attempt: int | None) -> Iterator[Refused]:
    """Only what waits is decided on, and only the attempt the admin looked at."""
    if attempt not in (None, submission.attempt):
        zh, en = "材料已重新提交，请刷新后再审核。", "It was handed in again since; look at the newest attempt."
        yield Refused(409, "attempt_outdated", zh, en, measured=attempt, expected=submission.attempt)
    if (made := submission.decision) is not None:
        facts = {"state": made.state, "at": made.at.isoformat(), "attempt": made.attempt}
        zh, en = "此项已审核，不能重复审核。", "This attempt has been decided; it is not decided twice."
        yield Refused(409, "already_decided", zh, en, **facts)


def revisions(subject: Submission, rulebooks: Mapping[CampaignId, Rulebook], now: datetime) -> tuple[Revision, ...]:
    """The rulebooks a decision is made under: the entry's own, or all that certify studios now."""
    match subject:
        case Entry():
            return (rulebooks[subject.campaign].revision,)
        case _:
            return tuple(rulebook.revision for rulebook, _ in certification_steps(rulebooks.values(), now))


def against_time(subject: Submission, rulebooks: Mapping[CampaignId, Rulebook], now: datetime) -> Iterator[Refused]:
    """Entries are screened while the rulebook's phase for it is open, studios certified while any campaign does."""
    match subject:
        case Entry():
            yield from _against_screening(rulebooks[subject.campaign], now)
        case _ if not certification_steps(rulebooks.values(), now):
            zh, en = "现在不在注册认证审核时间内。", "No campaign certifies studios at this time."
            yield Refused(409, "certification_closed", zh, en, measured=now.isoformat())


def _against_screening(rulebook: Rulebook, now: datetime) -> Iterator[Refused]:
    step = entry_step(rulebook)
    if step is None:
        zh, en = "此活动没有省级初筛。", "In this campaign provinces do not screen entries."
        yield Refused(409, "not_screened", zh, en)
    elif (phase := rulebook.phase(step.phase)) is None or not phase.holds(now):
        facts = {"measured": now.isoformat(), "expected": f"{phase.opens} – {phase.closes}" if phase else step.phase}
        zh, en = "现在不在初筛时间内。", "Screening is not open at this time."
        yield Refused(409, "screening_closed", zh, en, **facts)


def against_approval(subject: Submission) -> Iterator[Refused]:
    """An entry is approved when all its material was checked and no required finding failed."""
    for material in materials_of(subject) if isinstance(subject, Entry) else ():
        broken = [found.rule for found in material.findings if found.level == "required" and not found.ok]
        facts = {"slot": material.slot, "material": material.material}
        if material.verdict == "fail" or broken:
            zh = "材料未通过必查项，不能通过初筛，请退回修改。"
            en = "The material breaks a required rule; return the entry to be mended."
            yield Refused(409, "required_rule_broken", zh, en, **facts, rules=broken)
        elif material.verdict == "unchecked" or material.stage == "first":
            zh, en = "材料仍在检查中，请稍后再审核。", "The material is still being checked; decide a little later."
            yield Refused(409, "still_being_checked", zh, en, retry_after_s=5, **facts)


def against_mending(asked: Return, until: datetime | None, now: datetime) -> Iterator[Refused]:
    """What can be mended has a time in the future, as early as the rulebook wants."""
    if until is None and (asked.mend_by or asked.reopened_slots):
        zh, en = "按活动规则，现在退回后不能再重新提交。", "By the rulebook it can no longer be handed in again."
        yield Refused(409, "no_resubmission", zh, en, mend="leave out mend_by and reopened_slots")
    if asked.mend_by is None:
        return
    facts = {"measured": asked.mend_by.isoformat(), "expected": f"> {now.isoformat()}"}
    if asked.mend_by <= now:
        yield Refused(422, "mend_by_passed", "修改截止时间必须晚于现在。", "mend_by has to be in the future.", **facts)
    elif until is not None and in_ms(asked.mend_by) > until:
        zh, en = "修改截止时间晚于活动规则允许的时间。", "mend_by is later than the rulebook allows."
        yield Refused(422, "mend_by_too_late", zh, en, measured=facts["measured"], expected=f"≤ {until.isoformat()}")


def repeats(subject: Submission, by: AccountId, asked: Approval | Return) -> bool:
    """Whether the same person decided just so on this attempt before: a double click."""
    made = subject.decision
    if made is None or made.by != by or asked.attempt not in (None, subject.attempt):
        return False
    if isinstance(asked, Approval):
        return made.state == "approved"
    same_time = asked.mend_by is None or (made.mend_by is not None and in_ms(asked.mend_by) == made.mend_by)
    same_slots = not asked.reopened_slots or made.reopened_slots == asked.reopened_slots
    return made.state == "returned" and same_time and same_slots and made.reasons == asked.reasons


def fact_of(subject: Certification | Entry, revisions: tuple[Revision, ...]) -> ProvinceApproved | ProvinceReturned:
    """The event that tells of the newest decision, made under these rulebooks."""
    made = subject.decisions[-1]
    about = subject.about(revisions)
    match made.state:
        case "approved":
            return ProvinceApproved(at=made.at, about=about, province=subject.province, city=subject.city, by=made.by)
        case "returned":
            return ProvinceReturned(
                at=made.at,
                about=about,
                province=subject.province,
                city=subject.city,
                by=made.by,
                reasons=made.reasons,
                reopened_slots=made.reopened_slots,
                mend_by=made.mend_by,
            )
