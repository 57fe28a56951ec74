"""What may become of an entry: opened, edited, handed in, completed, decided, given up."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.registration import EntryMaterial
from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ids import MaterialId, SlotId
from contracts.rulebook import Rulebook, Slot
from contracts.rulebook.composition import Place, may_open
from services.registration.certification.models import Studio
from services.registration.entries.models import Entry, Material, Outstanding
from services.registration.models import Refusal

Decision: TypeAlias = ProvinceApproved | ProvinceReturned


def refuses_opening(
    studio: Studio, rulebook: Rulebook, existing: Iterable[Place], wanted: Place, now: datetime
) -> Refusal | None:
    """Why a studio may not open an entry; None if it may."""
    if studio.state != "certified":
        zh, en = "工作室通过认证后才能申报。", "A studio can enter once it is certified."
        return Refusal("not_certified", zh, en, {"measured": studio.state, "expected": "certified"})
    if not rulebook.accepts_tickets(now):
        return _closed(rulebook, None, now)
    if studio.unit_kind not in {kind.id for kind in rulebook.applicants.kinds}:
        zh, en = "工作室类型不属于本活动的申报对象。", "This campaign does not admit this kind of studio."
        return Refusal("not_admitted", zh, en, {"measured": studio.unit_kind})
    if breach := may_open(rulebook, existing, wanted, studio.unit_kind):
        return Refusal("rule_broken", f"{breach.text.zh}。", f"{breach.text.en}.", {"rule": breach.rule})
    return None


def edited(entry: Entry, title: str | None, summary: str | None) -> Entry | Refusal:
    """The entry with another title or summary, while it is a draft or has come back."""
    if refusal := _not_open(entry):
        return refusal
    change = {"title": title, "summary": summary}
    return entry.model_copy(update={name: value for name, value in change.items() if value is not None})


def handed_in(
    entry: Entry, rulebook: Rulebook, now: datetime, named: Mapping[SlotId, MaterialId] | None = None
) -> Entry | Refusal:
    """The entry as received at `now`: submitted at once if nothing is outstanding. Handing the same in again while it
    is on its way changes nothing, so that a lost answer can be asked for after the deadline too."""
    named = dict(named or {})
    if entry.state == "handed_in" and entry.named == named:
        return entry
    if entry.state != "handed_in" and (refusal := _not_open(entry)):
        return refusal
    if not rulebook.accepts_tickets(now, entry.open_until):
        return _closed(rulebook, entry.open_until, now)
    if unknown := named.keys() - {slot.id for slot in rulebook.track(entry.track).slots}:
        return Refusal("slot_unknown", "没有这个材料栏。", "There is no such slot.", {"measured": sorted(unknown)}, 422)
    entry = entry.model_copy(update={"named": named})
    if failed := _broken(_current(entry, rulebook)):
        return _failed(failed)
    received = {"state": "handed_in", "received_at": now, "revision": rulebook.revision}
    return settled(entry.model_copy(update=received), rulebook)


def settled(entry: Entry, rulebook: Rulebook) -> Entry:
    """A handed-in entry after news of its material: submitted when all is in and good, back where it was when a
    material failed. One given up is taken up again when its bytes were in time and only the news of them late."""
    if entry.state not in ("handed_in", "incomplete"):
        return entry
    current = _current(entry, rulebook)
    if _broken(current):
        return entry.model_copy(update={"state": "returned" if entry.attempt else "draft", "received_at": None})
    waiting = outstanding(entry, rulebook)
    if any(each.waits_for == "bytes" for each in waiting):
        return entry
    if waiting:
        return entry.model_copy(update={"state": "handed_in"})
    change = {"state": "submitted", "attempt": entry.attempt + 1, "submitted": tuple(_told(current))}
    return entry.model_copy(update=change)


def outstanding(entry: Entry, rulebook: Rulebook) -> tuple[Outstanding, ...]:
    """The slots an entry still waits for: a required one for its bytes, any with bytes for its verdict."""
    waits: list[Outstanding] = []
    for slot, found in _current(entry, rulebook):
        if found is None and slot.required:
            waits.append(Outstanding(slot=slot.id, waits_for="bytes"))
        elif found is not None and found.verdict is None:
            waits.append(Outstanding(slot=slot.id, waits_for="verdict"))
    return tuple(waits)


def overdue(entry: Entry, rulebook: Rulebook, now: datetime) -> bool:
    """Whether a handed-in entry is to be given up: bytes are missing and the drain after its deadline is over.
    One that only waits for verdicts is never given up, for that delay is ours."""
    if entry.state != "handed_in" or entry.received_at is None:
        return False
    drained = not rulebook.accepts_bytes(entry.received_at, now, entry.open_until)
    return drained and any(each.waits_for == "bytes" for each in outstanding(entry, rulebook))


def with_upload(entry: Entry, event: MaterialUploaded) -> Entry:
    """The entry knowing of an upload."""
    known = _known(entry, event)
    times = {"taken_at": event.taken_at, "uploaded_at": event.at}
    return _with(entry, known.model_copy(update=times))


def with_verdict(entry: Entry, event: MediaValidated) -> Entry:
    """The entry knowing of a verdict; an older one than that known changes nothing. Where it takes a pass back, there
    is time to mend that, whatever the deadline, and for what was given up before too, as if it had come first."""
    known = _known(entry, event)
    if known.checked_at is not None and known.checked_at >= event.at:
        return entry
    verdict = {"verdict": event.verdict, "stage": event.stage, "findings": event.findings, "checked_at": event.at}
    after = _with(entry, known.model_copy(update={**verdict, "mend_by": event.mend_by}))
    taken_up = entry.state == "incomplete" and after.open_until != entry.open_until
    return after.model_copy(update={"state": "handed_in"}) if taken_up else after


def decided(entry: Entry, decision: Decision) -> Entry:
    """The entry after its province's decision on this attempt; an older or repeated decision changes nothing."""
    latest = entry.decided_at is None or decision.at > entry.decided_at
    lies_with_province = entry.state in ("submitted", "approved", "returned")
    if decision.about.attempt != entry.attempt or not latest or not lies_with_province:
        return entry
    match decision:
        case ProvinceApproved():
            change: dict[str, object] = {"state": "approved", "reasons": (), "reopened_slots": (), "mend_by": None}
        case ProvinceReturned(reasons=reasons, reopened_slots=slots, mend_by=mend_by):
            change = {"state": "returned", "reasons": reasons, "reopened_slots": slots, "mend_by": mend_by}
    return entry.model_copy(update={**change, "decided_at": decision.at})


def deadline(entry: Entry, rulebook: Rulebook) -> datetime | None:
    """Until when an entry can be handed in."""
    submission = rulebook.phase("submission")
    ends = [submission.closes.instant] if submission else []
    return max([*ends, *([entry.open_until] if entry.open_until else [])], default=None)


def _current(entry: Entry, rulebook: Rulebook) -> list[tuple[Slot, Material | None]]:
    """The material each slot stands with: the newest whose bytes came in time, once the one named for it did. After a
    return, a slot that is not open keeps what it was submitted with, and an open one waits for another."""
    before = {material.slot: material.material for material in entry.submitted}
    current: list[tuple[Slot, Material | None]] = []
    for slot in rulebook.track(entry.track).slots:
        newest = _newest(entry, slot.id, rulebook)
        if slot.id in entry.open_slots and newest is not None and newest.material == before.get(slot.id):
            newest = None
        elif slot.id in before and slot.id not in entry.open_slots:
            newest = next(each for each in entry.materials if each.material == before[slot.id])
        current.append((slot, newest))
    return current


def _newest(entry: Entry, slot: SlotId, rulebook: Rulebook) -> Material | None:
    """The newest material of a slot, in media's order: what is older is superseded there and gets no verdict any more.
    None while the one named for the slot has not come: it may be newer than all that did."""
    in_time = [
        each
        for each in entry.materials
        if each.slot == slot and each.taken_at and each.uploaded_at
        if rulebook.accepts_bytes(each.taken_at, each.uploaded_at, entry.open_until)
    ]
    if slot in entry.named and entry.named[slot] not in {each.material for each in in_time}:
        return None
    return max(in_time, key=lambda each: (each.taken_at, each.material), default=None)


def _broken(current: Iterable[tuple[Slot, Material | None]]) -> list[Material]:
    """What failed in a required slot; in another it is left out of the entry."""
    return [found for slot, found in current if slot.required and found and found.verdict == "fail"]


def _told(current: Iterable[tuple[Slot, Material | None]]) -> Iterator[EntryMaterial]:
    for slot, found in current:
        if found is not None and found.verdict is not None and found.verdict != "fail":
            yield EntryMaterial(
                slot=slot.id,
                material=found.material,
                name=found.name,
                size=found.size,
                sha256=found.sha256,
                verdict=found.verdict,
                stage=found.stage,
            )


def _known(entry: Entry, event: MaterialUploaded | MediaValidated) -> Material:
    fresh = Material(material=event.material, slot=event.slot, name=event.name, size=event.size, sha256=event.sha256)
    return next((each for each in entry.materials if each.material == event.material), fresh)


def _with(entry: Entry, material: Material) -> Entry:
    others = tuple(each for each in entry.materials if each.material != material.material)
    return entry.model_copy(update={"materials": (*others, material)})


def _not_open(entry: Entry) -> Refusal | None:
    received = {"state": entry.state, "received_at": entry.received_at.isoformat() if entry.received_at else None}
    match entry.state:
        case "draft" | "returned":
            return None
        case "handed_in" | "submitted":
            zh, en = "申报已提交，不可修改。", "The entry was submitted; it cannot be changed."
            return Refusal("already_submitted", zh, en, received)
        case "approved":
            zh, en = "申报已通过初筛，不可修改。", "The entry was approved; it cannot be changed."
            return Refusal("already_approved", zh, en, received)
        case "incomplete":
            zh, en = "截止前材料未传完，申报未能完成。", "Its material did not arrive in time; the entry is closed."
            return Refusal("incomplete", zh, en, received)


def _closed(rulebook: Rulebook, mend_by: datetime | None, now: datetime) -> Refusal:
    submission = rulebook.phase("submission")
    if submission and now < submission.opens.instant:
        facts = {"measured": now.isoformat(), "expected": f"≥ {submission.opens}"}
        return Refusal("not_open_yet", "申报尚未开始。", "Submission has not opened yet.", facts)
    end = mend_by.isoformat() if mend_by else str(submission.closes) if submission else "—"
    facts = {"measured": now.isoformat(), "expected": f"< {end}"}
    return Refusal("deadline_passed", "申报已截止。", "The deadline has passed.", facts)


def _failed(failed: list[Material]) -> Refusal:
    found = [finding.model_dump() for each in failed for finding in each.findings if not finding.ok]
    zh, en = "材料不符合要求，请按提示修改后重新上传。", "Some material breaks a required rule; upload it mended."
    slots = [{"slot": material.slot, "material": material.material, "name": material.name} for material in failed]
    return Refusal("material_failed", zh, en, {"failed": slots, "findings": found})
