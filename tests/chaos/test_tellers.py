"""P2 and P3: an event exists if and only if its transaction committed, whenever the API or its relay dies."""

from collections import Counter

import pytest

from tests.chaos.conftest import Lanes
from tests.chaos.killing import kill_everywhere
from tests.chaos.lane import Lane
from tests.chaos.tellers import TELLERS
from tests.support.kinds import Rabbit

SIDE_BY_SIDE = 2


async def voided(lane: Lane) -> Counter[str]:
    """Voided votes by entry, as the ballots say."""
    rows = lane.service.database.ballots.find({"state": "voided", "held": None})
    return Counter([row["entry"] async for row in rows])


async def taken_off(lane: Lane) -> Counter[str]:
    """What is taken off the counts for voided votes."""
    rows = await lane.service.database.corrections.find().to_list()
    assert [row["under_way"] for row in rows] == [0] * len(rows)
    return Counter({entry: votes for row in rows for entry, votes in row.get("voided", {}).items()})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("process", TELLERS)
async def test_request_killed_at_any_point_is_told_if_and_only_if_it_committed(
    process: str, lanes: Lanes, rabbit310: Rabbit
) -> None:
    async with lanes(process, SIDE_BY_SIDE, rabbit310) as opened:
        deaths, faults = await kill_everywhere(opened, TELLERS[process], unless_committed=True)
        for lane in opened:
            assert await voided(lane) == await taken_off(lane)
    assert faults == []
    assert deaths >= 4 * len(TELLERS[process])
