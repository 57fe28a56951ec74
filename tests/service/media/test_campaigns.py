"""A campaign's rules as data, for browsers that check before they upload."""

import pytest

from chassis.testing import client
from contracts.rulebook import SHIPPED, Rulebook, load_all
from services.media.api import SlotsView
from services.media.inspect.wording import RULES
from tests.service.media.conftest import Media
from tests.service.media.test_tickets import problem


async def test_rules_of_a_campaign_are_shown_to_anybody_in_plain_units(media: Media) -> None:
    async with client(media.api) as anybody:
        said = (await anybody.get("/v1/campaigns/cloud-studio-2023/slots")).json()
    [video] = [slot for slot in said["slots"] if slot["slot"] == "video"]
    limits = {rule["rule"]: (rule["level"], rule["limit"]) for rule in video["rules"]}
    assert limits["container.size"] == ("required", {"below": 300 * 2**20})
    assert limits["video.duration"] == ("advice", {"min": 60.0, "max": 300.0, "tolerance": 0.5})
    assert limits["video.resolution"] == ("required", {"min": [1920, 1080], "either_way_up": False})
    assert limits["video.aspect"] == ("required", {"ratio": [16, 9], "tolerance": 0.01})
    assert limits["video.format"] == ("required", {"any_of": ["mp4"]})
    [size] = [rule for rule in video["rules"] if rule["rule"] == "container.size"]
    assert (size["title"]["zh"], size["mend"]["zh"]) == (RULES["container.size"].zh, RULES["container.size"].mend_zh)


async def test_rules_of_no_campaign_are_not_found(media: Media) -> None:
    answer = await media.studio.get("/v1/campaigns/none/slots")
    assert problem(answer) == (404, "campaign_not_found")


@pytest.mark.parametrize("rulebook", load_all(SHIPPED).values(), ids=lambda rulebook: rulebook.id)
def test_every_rule_of_every_shipped_campaign_is_shown(rulebook: Rulebook) -> None:
    shown = {(slot.track, slot.slot): [rule.rule for rule in slot.rules] for slot in SlotsView.of(rulebook).slots}
    assert shown == {
        (track.id, slot.id): [rule for rule, _ in slot.limits()] for track in rulebook.tracks for slot in track.slots
    }
