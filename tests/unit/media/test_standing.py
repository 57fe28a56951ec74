"""What those who wait are told: their place, and when their turn will probably come."""

import pytest

from contracts.ids import EntryId, MaterialId, StudioId
from services.media.queue.models import Job, Lane, Overview, Task
from services.media.queue.rules import CHECK, PROVE, level_of, standing

MEASURED = {CHECK: 0.2, PROVE: 60.0}


def a_job(task: Task) -> Job:
    return Job(
        id="m/job", task=task, material=MaterialId("m"), entry=EntryId("e"), studio=StudioId("s"), province="620000",
        level=level_of(task),
    )  # fmt: skip


def told(
    job: Job, before: int, waiting: dict[Lane, int], at_work: dict[int, int] | None = None
) -> tuple[int | None, int | None]:
    its = standing(job, before, Overview(waiting=waiting, took_s=MEASURED, at_work=at_work or {}), {})
    return its.place, its.expected_s


def test_checks_are_reckoned_by_what_checks_take() -> None:
    waiting = {Lane(CHECK, "620000"): 11, Lane(PROVE, "620000"): 5}
    assert told(a_job("check"), 10, waiting) == (11, 2)
    assert told(a_job("check"), 10, waiting, at_work={CHECK: 4}) == (11, 1)


def test_proofs_are_reckoned_by_what_proofs_take_and_the_checks_before_them_by_what_those_take() -> None:
    waiting = {Lane(CHECK, "510000"): 100, Lane(PROVE, "620000"): 6}
    assert told(a_job("prove"), 5, waiting) == (106, 20 + 300)
    assert told(a_job("prove"), 5, waiting, at_work={CHECK: 4, PROVE: 2}) == (106, 5 + 150)


@pytest.mark.parametrize(("before", "expected"), [(0, 0), (1, None)])
def test_no_time_is_told_where_none_was_ever_measured(before: int, expected: int | None) -> None:
    overview = Overview(waiting={Lane(PROVE, "620000"): 6}, took_s={CHECK: 0.2})
    assert standing(a_job("prove"), before, overview, {}).expected_s == expected
