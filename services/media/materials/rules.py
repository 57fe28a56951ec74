"""Who may see which material, and what a verdict is judged with. Pure."""

from chassis.refusal import Refused
from contracts.ids import Province, StudioId
from contracts.rulebook import Slot
from services.media.inspect.models import Naming
from services.media.materials.models import Material, OwnProvince, OwnStudio, Sight


def sight_of(studio: StudioId | None, province: Province | None, role: str) -> Sight:
    """What a caller may see: a studio its own, a province's admin the province's; nobody else anything."""
    match role:
        case "studio" if studio is not None:
            return OwnStudio(studio=studio)
        case "province" if province is not None:
            return OwnProvince(province=province)
        case _:
            raise material_not_found()


def to_check(material: Material) -> bool:
    """Whether material still waits for a verdict; what was superseded is not worth one."""
    return material.superseded_by is None and material.check is None


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
