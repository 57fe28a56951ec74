"""What a return can rest on: the rulebook's reasons, and the places in a form or an entry they may point at."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chassis.refusal import Refused
from contracts.events.review import Reason
from contracts.ids import CampaignId, SlotId
from contracts.rulebook import Rulebook, Slot
from contracts.rulebook.review import ReviewStep
from services.review.screening.models import Certification, Entry, Return
from services.review.screening.rules import certification_steps, entry_step, materials_of, mend_until, mend_until_of

WHOLE = "whole"
"""`about` of a reason that concerns everything, such as a missed theme."""


@dataclass(frozen=True)
class Grounds:
    """`codes`: each reason's code with what it has to point at (rule, field, file or whole; None: anything).
    `places`: each `about` there is, with what it can be called."""

    codes: Mapping[str, str | None] = field(default_factory=dict)
    places: Mapping[str, frozenset[str]] = field(default_factory=dict)
    slots: frozenset[SlotId] = frozenset()
    points_at: Mapping[str, frozenset[SlotId]] = field(default_factory=dict)
    """By `about`, the slots only other material in mends what a reason points at."""
    mend_until: datetime | None = None


def entry_grounds(rulebook: Rulebook, entry: Entry, now: datetime) -> Grounds:
    """The grounds an entry can be returned on."""
    step, track = entry_step(rulebook), rulebook.track(entry.track)
    rules = [rule for slot in track.slots for rule, _ in slot.limits()]
    names = [material.name for material in entry.materials]
    names += [found.file for material in materials_of(entry) for found in material.findings if found.file]
    places = {f"slot:{slot.id}": frozenset({"rule", "file"}) for slot in track.slots}
    places |= {f"rule:{rule}": frozenset({"rule"}) for rule in rules}
    places |= {f"file:{name}": frozenset({"rule", "file"}) for name in names}
    places |= {
        f"field:{name}": frozenset({"field"}) for name in ("title", "theme", *(each.id for each in track.fields))
    }
    codes: dict[str, str | None] = dict.fromkeys(rules, "rule")
    return Grounds(
        codes | (_codes(step) if step else {}),
        places,
        frozenset(slot.id for slot in track.slots),
        {place: _slots_meant(place, track.slots, entry) for place in places},
        mend_until_of(entry, rulebook, now),
    )


def _slots_meant(about: str, slots: Iterable[Slot], entry: Entry) -> frozenset[SlotId]:
    """The slots only other material can mend what a reason points at in; of those with a rule, the ones that broke it,
    if any did."""
    kind, _, name = about.partition(":")
    materials = materials_of(entry)
    match kind:
        case "slot":
            return frozenset(slot.id for slot in slots if slot.id == name)
        case "file":
            return frozenset(each.slot for each in materials if name in (each.name, *(f.file for f in each.findings)))
        case "rule":
            bound = frozenset(slot.id for slot in slots if name in [rule for rule, _ in slot.limits()])
            broke = {each.slot for each in materials for found in each.findings if found.rule == name and not found.ok}
            return bound & broke or bound
        case _:
            return frozenset()


def certification_grounds(rulebooks: Iterable[Rulebook], studio: Certification, now: datetime) -> Grounds:
    """The grounds a studio's form can be returned on, by all campaigns that certify studios now."""
    codes: dict[str, str | None] = {}
    places: dict[str, frozenset[str]] = {}
    ends = []
    for rulebook, step in certification_steps(rulebooks, now):
        codes |= _codes(step)
        places |= _form_places(rulebook)
        ends.append(mend_until(rulebook, step, studio.attempt, now))
    return Grounds(codes, places, mend_until=max((end for end in ends if end), default=None))


def _codes(step: ReviewStep) -> dict[str, str | None]:
    return {reason.id: None if reason.about == WHOLE else reason.about for reason in step.reasons}


def _form_places(rulebook: Rulebook) -> dict[str, frozenset[str]]:
    form = rulebook.applicants.certification
    places: dict[str, frozenset[str]] = {}
    for step in form.steps if form else ():
        kinds = {each.id: frozenset({"field", "file"} if each.kind == "scan" else {"field"}) for each in step.fields}
        places |= {f"field:{step.id}.{name}": kind for name, kind in kinds.items()}
        places[f"field:{step.id}"] = frozenset().union(*kinds.values())
    return places


def with_slots(asked: Return, grounds: Grounds) -> Return:
    """The return with the slots its reasons point at where none are given: what cannot be uploaded cannot be mended."""
    if asked.reopened_slots or grounds.mend_until is None:
        return asked
    meant = frozenset[SlotId]().union(*(grounds.points_at.get(reason.about, ()) for reason in asked.reasons))
    return asked.model_copy(update={"reopened_slots": tuple(sorted(meant))})


def against_reasons(asked: Return, grounds: Grounds) -> Iterator[Refused]:
    """Every reason has a code of the rulebook, a text, and points at something that exists; so does every slot."""
    for reason in asked.reasons:
        yield from _against_reason(reason, grounds)
    if missing := [slot for slot in asked.reopened_slots if slot not in grounds.slots]:
        zh, en = "要重新开放的材料位置不存在。", "A slot to be reopened does not exist."
        yield Refused(422, "unknown_slot", zh, en, measured=missing, expected=sorted(grounds.slots))


def _against_reason(reason: Reason, grounds: Grounds) -> Iterator[Refused]:
    if not reason.text.strip():
        zh, en = "每条退回原因都要写明内容。", "Every reason needs a text the studio can act on."
        yield Refused(422, "reason_without_text", zh, en, measured=reason.code)
    if grounds.codes and reason.code not in grounds.codes:
        zh, en = "活动规则中没有这个退回原因。", "The rulebook has no such reason."
        yield Refused(422, "unknown_reason", zh, en, measured=reason.code, expected=sorted(grounds.codes))
    kind = grounds.codes.get(reason.code)
    fitting = sorted(place for place, kinds in grounds.places.items() if kind is None or kind in kinds)
    allowed = fitting if kind else [WHOLE, *fitting]
    if reason.about not in allowed:
        zh, en = (
            "退回原因必须指向一个存在的材料、表单项或文件。",
            "A reason has to point at a slot, form field or file there is.",
        )
        yield Refused(422, "about_unknown", zh, en, measured=reason.about, expected=allowed)


def grounds_of(submission: Certification | Entry, rulebooks: Mapping[CampaignId, Rulebook], now: datetime) -> Grounds:
    """The grounds anything can be returned on now."""
    match submission:
        case Entry():
            return entry_grounds(rulebooks[submission.campaign], submission, now)
        case Certification():
            return certification_grounds(rulebooks.values(), submission, now)
