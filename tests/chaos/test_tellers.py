"""P2 and P3: an event exists if and only if its transaction committed, whenever the API or its relay dies."""

import pytest

from tests.chaos.conftest import Lanes
from tests.chaos.killing import kill_everywhere
from tests.chaos.tellers import TELLERS
from tests.support.kinds import Rabbit

SIDE_BY_SIDE = 2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("process", TELLERS)
async def test_request_killed_at_any_point_is_told_if_and_only_if_it_committed(
    process: str, lanes: Lanes, rabbit310: Rabbit
) -> None:
    async with lanes(process, SIDE_BY_SIDE, rabbit310) as opened:
        deaths, faults = await kill_everywhere(opened, TELLERS[process], unless_committed=True)
    assert faults == []
    assert deaths >= 4 * len(TELLERS[process])
