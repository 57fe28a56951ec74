"""P1 and P3: whatever a process hears, killed at whatever point of handling it, has its effect exactly once."""

import pytest

from deploy.processes import PROCESSES
from tests.chaos.conftest import Lanes
from tests.chaos.killing import kill_everywhere
from tests.chaos.scenarios import HEARERS
from tests.support.kinds import Rabbit

SIDE_BY_SIDE = 3
SAMPLE = {"registration": "MediaValidated", "voting-api": "HandInBallot"}
"""What is killed on the newer broker too: a hearer that tells, and one that answers a frontend."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("process", PROCESSES)
async def test_hearer_killed_at_any_point_has_its_effect_once(process: str, lanes: Lanes, rabbit310: Rabbit) -> None:
    async with lanes(process, SIDE_BY_SIDE, rabbit310) as opened:
        heard = [hearer.event.__name__ for hearer in opened[0].service.hears.hearers]
        known = [kind for name, kind in HEARERS if name == process]
        assert sorted(heard) == sorted(known), "every hearer needs a scenario, and every scenario a hearer"
        deaths, faults = await kill_everywhere(opened, {kind: HEARERS[process, kind] for kind in heard})
    assert faults == []
    assert deaths >= 6 * len(heard)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("process", SAMPLE)
async def test_hearer_killed_on_newer_broker_has_its_effect_once(process: str, lanes: Lanes, rabbit43: Rabbit) -> None:
    kind = SAMPLE[process]
    async with lanes(process, SIDE_BY_SIDE, rabbit43) as opened:
        deaths, faults = await kill_everywhere(opened, {kind: HEARERS[process, kind]})
    assert faults == []
    assert deaths >= 9
