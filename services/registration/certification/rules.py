"""What the certification form asks for, and what may become of a studio's certification."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args

from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ids import City, Province, Sha256
from contracts.rulebook import Rulebook
from contracts.rulebook.applicants import ApplicantKind, CertificationStep
from contracts.rulebook.material import FieldChoice, FieldDate, FieldNumber, FieldScan, FieldText, FormField
from contracts.rulebook.moment import Window
from services.registration.certification.models import (
    Answer,
    Answers,
    Fault,
    Scan,
    StepId,
    StepView,
    StoredScan,
    Studio,
)
from services.registration.models import Refusal

STEPS: tuple[StepId, ...] = get_args(StepId)
KIND = "kind"
"""In the `unit` page, beside the rulebook's fields: what kind of applicant the studio is, by the rulebook's id."""
LARGEST_SCAN = 20 * 1024 * 1024
"""Bytes a stamped scan may have."""
WORD = re.compile(r"[A-Za-z0-9]+|[^\sA-Za-z0-9]")


@dataclass(frozen=True)
class Form:
    """The form every studio fills: its five pages, the kinds of studio there are, and when it can be handed in."""

    steps: tuple[CertificationStep, ...]
    kinds: tuple[ApplicantKind, ...]
    windows: tuple[Window, ...]

    def step(self, step: StepId) -> CertificationStep:
        """One page."""
        return next(each for each in self.steps if each.id == step)

    @property
    def scan_field(self) -> str:
        """The field the stamped scan belongs into."""
        return next(field.id for field in self.step("scan").fields if isinstance(field, FieldScan))

    def faults(self, step: StepId, answers: Answers) -> Iterator[Fault]:
        """Every answer that cannot stand or that nobody asked for. One still missing is no fault until submission."""
        fields: dict[str, FormField] = {field.id: field for field in self.step(step).fields}
        kinds = tuple(kind.id for kind in self.kinds)
        for name, answer in answers.items():
            if step == "unit" and name == KIND:
                expected = None if answer in kinds else "、".join(kinds)
            else:
                expected = wanted(fields[name], answer) if name in fields else "、".join(fields)
            if expected is not None:
                yield Fault(field=name, measured=str(answer)[:200], expected=expected)

    def missing(self, step: StepId, answers: Answers) -> tuple[str, ...]:
        """The required fields of a page without an answer."""
        required = [KIND] if step == "unit" else []
        required += [field.id for field in self.step(step).fields if field.required]
        return tuple(field for field in required if answers.get(field) in (None, "", ()))

    def progress(self, studio: Studio) -> tuple[StepView, ...]:
        """How far a studio has come, page by page."""
        return tuple(self._view(step, studio) for step in STEPS)

    def _view(self, step: StepId, studio: Studio) -> StepView:
        answers, title = studio.form.get(step, {}), self.step(step).title
        missing = self.missing(step, answers)
        saved = step in studio.form
        return StepView(
            step=step,
            title_zh=title.zh,
            title_en=title.en,
            saved=saved,
            complete=saved and not missing,
            missing=missing,
            answers=answers,
        )


def form_of(rulebooks: Iterable[Rulebook]) -> Form:
    """The form in force: that of the campaign, among those which certify studios, whose registration opens last.
    LookupError where there is none."""
    found = [
        (opening, rulebook.id, certification.steps, rulebook.applicants.kinds)
        for rulebook in rulebooks
        if (certification := rulebook.applicants.certification) and (opening := rulebook.phase("registration"))
        if {step.id for step in certification.steps} == set(STEPS)
    ]
    if not found:
        raise LookupError(f"no rulebook has a registration phase and a certification with the pages {', '.join(STEPS)}")
    _, _, steps, kinds = max(found, key=lambda each: (each[0].opens.instant, each[1]))
    return Form(steps, tuple(kind for kind in kinds if kind.form == "studio"), tuple(each[0] for each in found))


def wanted(field: FormField, answer: Answer) -> str | None:
    """What a field wants instead of an answer; None where the answer will do. A scan is judged by its bytes."""
    match field:
        case FieldText(characters=limit):
            if not isinstance(answer, str) or not answer.strip():
                return "文字 text"
            return None if limit is None or limit.holds(len(WORD.findall(answer))) else f"≤ {limit.max} 字 characters"
        case FieldNumber(range=limit):
            fits = isinstance(answer, int) and (limit is None or limit.holds(answer))
            return None if fits else "整数 a whole number" + (f" ({limit.min} … {limit.max or ''})" if limit else "")
        case FieldChoice(options=options, several=several):
            chosen = answer if several and isinstance(answer, tuple) else (answer,)
            titles = [option.zh for option in options]
            return None if all(each in titles for each in chosen) else "、".join(titles)
        case FieldDate():
            return None if isinstance(answer, str) and _is_date(answer) else "日期 a date: 2023-06-30"
        case FieldScan():
            return None if isinstance(answer, str) else "key"


def _is_date(written: str) -> bool:
    try:
        return date.fromisoformat(written).isoformat() == written
    except ValueError:
        return False


def closed(studio: Studio) -> Refusal | None:
    """Why a studio's form cannot be edited or submitted now; None if it can."""
    match studio.state:
        case "submitted":
            zh, en = "注册认证已提交，审核期间不可修改。", "The form was submitted; it cannot be changed now."
            return Refusal("already_submitted", zh, en, {"submitted_at": _text(studio.submitted_at)})
        case "certified":
            zh, en = "工作室已通过认证，不能再次认证。", "This studio is certified; once is enough."
            return Refusal("already_certified", zh, en, {"decided_at": _text(studio.decided_at)})
        case "draft" | "returned":
            return None


def saved(studio: Studio, form: Form, step: StepId, answers: Answers) -> Studio | Refusal:
    """The studio with one page saved."""
    if refusal := closed(studio):
        return refusal
    if found := [fault.model_dump() for fault in form.faults(step, answers)]:
        zh, en = "部分内容填写有误，请检查所列字段。", "Some answers cannot stand; see the fields named."
        return Refusal("answers_wrong", zh, en, {"fields": found}, status=422)
    page: dict[str, Answer] = dict(answers)
    return studio.model_copy(update={"form": {**studio.form, step: page}})


def with_region(studio: Studio, form: Form, province: Province, city: City) -> Studio | Refusal:
    """The studio with its region, chosen once and for good; the same choice again changes nothing."""
    if refusal := closed(studio):
        return refusal
    if studio.city is not None and studio.city != city:
        facts = {"measured": city, "expected": studio.city, "province": studio.province, "city": studio.city}
        return Refusal("region_locked", "地区选定后无法更改。", "The region was chosen and cannot be changed.", facts)
    granted = saved(studio, form, "region", {"province": province, "city": city})
    if isinstance(granted, Refusal):
        return granted
    return granted.model_copy(update={"province": province, "city": city})


def scan_of(found: StoredScan | None, sha256: Sha256) -> Scan | Refusal:
    """The scan that lies in the store, if it is the one announced and a PDF of at most 20 MiB."""
    if found is None:
        return Refusal("scan_missing", "还没有收到扫描件，请先上传。", "The scan has not arrived; upload it first.")
    if found.sha256 is None:
        facts = {"measured": found.size, "expected": f"≤ {LARGEST_SCAN}", "mend": "降低扫描分辨率后重新上传。"}
        return Refusal("scan_too_large", "扫描件超过 20 MB。", "The scan is larger than 20 MB.", facts, status=422)
    if found.sha256 != sha256:
        zh, en = "上传的文件与凭证不符，请重新上传。", "What arrived is not the file of the ticket; upload it again."
        return Refusal("scan_differs", zh, en, {"measured": found.sha256, "expected": sha256}, status=422)
    if b"%PDF-" not in found.head:
        facts = {"measured": found.head[:8].hex(), "expected": "%PDF-", "mend": "下载后盖章并扫描为 pdf。"}
        return Refusal("scan_not_pdf", "扫描件不是 PDF 文件。", "The scan is not a PDF file.", facts, status=422)
    return Scan(key=found.key, sha256=sha256, size=found.size, etag=found.etag)


def submitted(studio: Studio, form: Form, now: datetime) -> Studio | Refusal:
    """The studio with its form handed in: every page complete, and in time."""
    if refusal := closed(studio) or _late(studio, form, now):
        return refusal
    missing = {step: form.missing(step, studio.form.get(step, {})) for step in STEPS}
    if lacking := [f"{step}.{field}" for step in STEPS for field in missing[step]]:
        return Refusal("form_incomplete", "注册认证尚未填写完整。", "The form is not complete.", {"missing": lacking})
    return studio.model_copy(update={"state": "submitted", "attempt": studio.attempt + 1, "submitted_at": now})


def _late(studio: Studio, form: Form, now: datetime) -> Refusal | None:
    """A form is handed in while a campaign registers studios; one that came back also until its own date."""
    mended = studio.mend_by is not None and now < studio.mend_by
    if mended or any(window.holds(now) for window in form.windows):
        return None
    windows = ", ".join(f"{window.opens} – {window.closes}" for window in form.windows)
    if studio.mend_by is not None:
        facts = {"measured": _text(now), "expected": f"< {_text(studio.mend_by)}, {windows}"}
        return Refusal("mend_by_passed", "已过修改期限。", "The time to mend the form has passed.", facts)
    facts = {"measured": _text(now), "expected": windows}
    return Refusal("registration_closed", "现在不在注册认证时间内。", "No campaign registers studios now.", facts)


def decided(studio: Studio, decision: ProvinceApproved | ProvinceReturned) -> Studio:
    """The studio after its province's decision on this attempt; an older or repeated decision changes nothing."""
    latest = studio.decided_at is None or decision.at > studio.decided_at
    if decision.about.attempt != studio.attempt or studio.state == "draft" or not latest:
        return studio
    match decision:
        case ProvinceApproved():
            change: dict[str, object] = {"state": "certified", "reasons": (), "mend_by": None}
        case ProvinceReturned(reasons=reasons, mend_by=mend_by):
            change = {"state": "returned", "reasons": reasons, "mend_by": mend_by}
    return studio.model_copy(update={**change, "decided_at": decision.at})


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
