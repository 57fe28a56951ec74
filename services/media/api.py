"""HTTP for everyone: what a campaign asks of the material in each slot, as data, so that a browser can check first."""

from collections.abc import Iterator
from datetime import timedelta
from fractions import Fraction
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel

from chassis.refusal import Refused
from contracts.events.media import Text
from contracts.ids import CampaignId, Revision, RuleId, SlotId, TrackId
from contracts.rulebook import Level, Limit, Rulebook, Rulebooks, Slot
from services.media.inspect import phrases
from services.media.inspect.wording import RULES

Plain = str | bool | int | float | list[str] | list[int]


class RuleView(BaseModel):
    """One rule by the id its finding carries. `limit` holds bytes, seconds, counts, pixels as [width, height] and
    shares of one; what is not limited is left out. Findings say the same words."""

    rule: RuleId
    level: Level
    limit: dict[str, Plain]
    expected: str
    title: Text
    mend: Text

    @classmethod
    def of(cls, rule: RuleId, limit: Limit) -> Self:
        words = RULES[rule]
        return cls(
            rule=rule,
            level=limit.level,
            limit=dict(_plain(limit)),
            expected=phrases.expected(limit),
            title=Text(zh=words.zh, en=words.en),
            mend=Text(zh=words.mend_zh, en=words.mend_en),
        )


class SlotView(BaseModel):
    """A place for one upload: `archive` where it holds a package of files, else `file`."""

    track: TrackId
    slot: SlotId
    title: Text
    required: bool
    container: str
    rules: list[RuleView]

    @classmethod
    def of(cls, track: TrackId, slot: Slot) -> Self:
        return cls(
            track=track,
            slot=slot.id,
            title=Text(zh=slot.title.zh, en=slot.title.en),
            required=slot.required,
            container=slot.container.kind,
            rules=[RuleView.of(rule, limit) for rule, limit in slot.limits()],
        )


class SlotsView(BaseModel):
    """Every slot of a campaign, under the revision of the rules in force."""

    campaign: CampaignId
    revision: Revision
    slots: list[SlotView]

    @classmethod
    def of(cls, rulebook: Rulebook) -> Self:
        slots = [SlotView.of(track.id, slot) for track in rulebook.tracks for slot in track.slots]
        return cls(campaign=rulebook.id, revision=rulebook.revision, slots=slots)


def api(rulebooks: Rulebooks) -> APIRouter:
    """The route under `/v1/campaigns`; it is open, as the rules are."""
    router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])

    @router.get("/{campaign}/slots")
    async def slots(campaign: CampaignId) -> SlotsView:
        if campaign not in rulebooks:
            raise Refused(404, "campaign_not_found", "没有这个活动。", "There is no such campaign.")
        return SlotsView.of(rulebooks[campaign])

    return router


def _plain(limit: Limit) -> Iterator[tuple[str, Plain]]:
    for name, value in limit:
        match value:
            case timedelta():
                yield name, value.total_seconds()
            case Fraction():
                yield name, float(value)
            case tuple():
                yield name, list(value)
            case str() | bool() | int() | float() if name != "level":
                yield name, value
