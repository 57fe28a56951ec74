"""A pass is taken back on an entry that came back for another slot: whichever is heard first, and however often, both
slots take other material until the later of their times."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations
from typing import TypeAlias

import pytest

from chassis.refusal import Refused
from contracts.events.registration import EntryMaterial, EntryOpened, EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceReturned, Reason
from contracts.ids import MaterialId, Sha256, SlotId
from services.media.intake import rules
from services.media.intake.models import Entry, TakenBack
from tests.support.factories import make

NOW = datetime(2023, 8, 16, 4, tzinfo=UTC)
SHORT, LONG = NOW + timedelta(days=1), NOW + timedelta(days=2)
VIDEO, CASE = SlotId("video"), SlotId("case")
OLD, NEW = MaterialId("018a-1"), MaterialId("018a-2")
"""Of the video's slot, as their ids sort."""

Step: TypeAlias = Callable[[Entry], Entry]


def submitted(attempt: int, video: MaterialId | None) -> Step:
    facts = {"name": "片.zip", "size": 1, "sha256": Sha256("0" * 64), "verdict": "pass"}
    materials = () if video is None else (EntryMaterial.model_validate({"slot": VIDEO, "material": video, **facts}),)
    return partial(rules.submitted, event=make(EntrySubmitted, attempt=attempt, materials=materials))


def returned(attempt: int, mend_by: datetime | None = SHORT) -> Step:
    opened = make(EntryOpened)
    about = EntrySubject.model_validate({**opened.model_dump(), "attempt": attempt})
    reason = Reason(code="rule-broken", about="slot:case", text="图片不足 5 张。")
    event = ProvinceReturned(
        at=NOW, about=about, province=opened.province, city=opened.city, by=opened.account, reasons=(reason,),
        reopened_slots=(CASE,), mend_by=mend_by,
    )  # fmt: skip
    return partial(rules.returned, event=event, about=about)


def back(material: MaterialId = OLD) -> Step:
    return partial(rules.taken_back, back=TakenBack(slot=VIDEO, material=material, mend_by=LONG))


def after(steps: Iterable[Step]) -> Entry:
    """The entry after each step was heard twice."""
    entry = rules.opened(None, make(EntryOpened))
    for step in steps:
        entry = step(step(entry))
    return entry


def terms(entry: Entry) -> tuple[tuple[SlotId, ...], datetime | None]:
    """What can be replaced, and until when."""
    return entry.open_slots, entry.open_until


@pytest.mark.parametrize("order", list(permutations([submitted(1, OLD), returned(1), back()])))
def test_return_and_taken_back_in_any_order_reopen_both_until_the_later(order: tuple[Step, ...]) -> None:
    entry = after(order)
    assert terms(entry) == ((CASE, VIDEO), LONG)
    for slot in (CASE, VIDEO):
        rules.require_open(entry, slot)
    with pytest.raises(Refused) as error:
        rules.require_open(entry, SlotId("form"))
    assert error.value.facts["expected"] == [CASE, VIDEO]


@pytest.mark.parametrize("order", list(permutations([returned(1, None), back()])))
def test_what_was_taken_back_is_mended_although_the_return_gave_no_time(order: tuple[Step, ...]) -> None:
    assert terms(after([submitted(1, OLD), *order])) == ((CASE, VIDEO), LONG)


@pytest.mark.parametrize("order", list(permutations([submitted(2, NEW), returned(2)])))
def test_what_a_later_submission_replaced_is_not_reopened_by_its_return(order: tuple[Step, ...]) -> None:
    assert terms(after([submitted(1, OLD), returned(1), back(), *order])) == ((CASE,), SHORT)


@pytest.mark.parametrize("order", list(permutations([submitted(2, OLD), returned(2), back()])))
def test_what_a_later_submission_still_stands_with_is_reopened(order: tuple[Step, ...]) -> None:
    assert terms(after([submitted(1, OLD), returned(1), *order])) == ((CASE, VIDEO), LONG)


@pytest.mark.parametrize("order", list(permutations([submitted(1, OLD), back(NEW)])))
def test_submission_heard_late_ends_nothing_of_newer_material(order: tuple[Step, ...]) -> None:
    assert terms(after([returned(1), *order])) == ((CASE, VIDEO), LONG)


def test_entry_that_lies_with_its_province_takes_nothing_before_it_came_back() -> None:
    with pytest.raises(Refused) as error:
        rules.require_open(after([submitted(1, OLD), back()]), VIDEO)
    assert error.value.code == "entry_submitted"
