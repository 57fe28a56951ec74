"""Who may see which material, and what a verdict is judged with. Pure."""

from datetime import datetime, timedelta
from typing import Final

from chassis.refusal import Refused
from contracts.ids import Province, StudioId
from contracts.rulebook import Rulebooks, Slot
from services.media.inspect.models import Naming
from services.media.materials.models import Check, Material, Outcome, OwnProvince, OwnStudio, Sight, Stage
from services.media.queue.models import Job, Task
from services.media.queue.rules import level_of

TIME_TO_MEND: Final = timedelta(hours=48)
"""What a studio has, whatever the deadline, once a pass it was told of is taken back."""


def sight_of(studio: StudioId | None, province: Province | None, role: str) -> Sight:
    """What a caller may see: a studio its own, a province's admin the province's; nobody else anything."""
    match role:
        case "studio" if studio is not None:
            return OwnStudio(studio=studio)
        case "province" if province is not None:
            return OwnProvince(province=province)
        case _:
            raise material_not_found()


def slot_of(material: Material, rulebooks: Rulebooks) -> Slot:
    """The rules the ticket was taken under. A revision this process does not have yet is a fault that may pass."""
    if material.campaign not in rulebooks:
        raise campaign_unknown(material.campaign)
    return rulebooks.at(material.campaign, material.revision).slot(material.track, material.slot)


def to_check(material: Material) -> bool:
    """Whether material still waits for a verdict; what was superseded is not worth one."""
    return material.superseded_by is None and material.check is None


def to_prove(material: Material) -> bool:
    """Whether a first verdict is still to be borne out by every byte."""
    return material.superseded_by is None and material.check is not None and material.check.stage == "first"


def to_publish(material: Material) -> bool:
    """Whether material of an approved entry is to be made ready for the eyes: only what every byte was read of."""
    proven = material.check is not None and material.check.stage != "first" and material.check.outcome != "fail"
    return material.superseded_by is None and material.approved and proven and material.published is None


def next_task(material: Material) -> Task | None:
    """What is to be done with material next."""
    due: dict[Task, bool] = {
        "check": to_check(material),
        "prove": to_prove(material),
        "publish": to_publish(material),
    }
    return next((task for task, needed in due.items() if needed), None)


def job_of(task: Task, material: Material, again: bool = False) -> Job:
    """A task on material, as it is queued; `again`: its slot has had a verdict already."""
    return Job(
        id=f"{material.id}/{task}",
        task=task,
        material=material.id,
        entry=material.entry,
        studio=material.studio,
        province=material.province,
        level=level_of(task),
        again=again,
    )


def stage_of(outcome: Outcome, whole: bool) -> Stage:
    """A failure is final, and so is what every byte was read for."""
    return "only" if whole or outcome == "fail" else "first"


def second(material: Material, check: Check) -> Check:
    """A verdict that takes the first one's place: later than it for everybody, whatever the workers' clocks say."""
    assert material.check is not None
    later = max(check.at, material.check.at + timedelta(milliseconds=1))
    return check.model_copy(update={"stage": "second", "at": later})


def mend_by(check: Check, mended_at: datetime) -> datetime | None:
    """Until when a studio that had been told of a pass may send other material; None where it was told of none."""
    return mended_at + TIME_TO_MEND if check.stage == "second" and check.outcome == "fail" else None


def naming(material: Material, slot: Slot) -> Naming | None:
    """What its name is judged by; not where the template asks for the name of a province, known here by code only."""
    if slot.naming is None or "{province}" in slot.naming.template:
        return None
    return Naming(material.name, material.studio_name, "", material.title)


def material_not_found() -> Refused:
    return Refused(404, "material_not_found", "没有找到该材料。", "There is no such material.")


def campaign_unknown(campaign: str) -> Refused:
    return Refused(
        422, "campaign_unknown", "没有该活动的规则。", "No rulebook of this campaign is at hand.", campaign=campaign
    )
