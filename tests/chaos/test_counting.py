"""P10, on both brokers: whoever counts the vote stream, killed at whatever point, counts every vote once."""

import pytest

from tests.chaos.conftest import Lanes
from tests.chaos.killing import kill_everywhere
from tests.chaos.scenarios import vote_is_counted
from tests.support.kinds import Rabbit


@pytest.mark.timeout(300)
async def test_tally_killed_at_any_point_counts_a_vote_once(lanes: Lanes, rabbit: Rabbit) -> None:
    async with lanes("voting-tally", 2, rabbit) as opened:
        deaths, faults = await kill_everywhere(opened, {"vote": vote_is_counted})
    assert faults == []
    assert deaths >= 3
