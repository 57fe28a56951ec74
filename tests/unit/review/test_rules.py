"""Screening's decisions: what is kept of what was heard, and until when something can be mended."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.ids import CampaignId, SlotId
from contracts.rulebook import SHIPPED, Rulebook, load
from contracts.rulebook.review import Resubmission
from services.review.queue.models import Cursor
from services.review.queue.spreadsheet import row
from services.review.screening import rules
from services.review.screening.grounds import Grounds, with_slots
from services.review.screening.models import Entry, Return
from tests.service.review.events import AT, finding, material, submitted, validated

MS = timedelta(milliseconds=1)
NOW = datetime(2023, 7, 1, 4, tzinfo=UTC)
DEADLINE = datetime(2023, 8, 15, 16, tzinfo=UTC)
SCREENING_OVER = datetime(2023, 8, 31, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load(SHIPPED / "cloud-studio-2023.yaml")


def entry(*verdicts: str) -> Entry:
    """An entry with one material of each verdict."""
    materials = tuple(material(f"m{n}", verdict) for n, verdict in enumerate(verdicts))  # type: ignore[arg-type]
    made = rules.entry_of(submitted(materials=materials), None, ())
    assert made is not None
    return made


def until(rulebook: Rulebook, now: datetime, attempt: int = 1, **changes: object) -> datetime | None:
    """Until when an entry returned now can be mended, with some of the rulebook's resubmission changed."""
    step = rules.entry_step(rulebook)
    assert step is not None
    assert step.resubmission is not None
    again = Resubmission.model_validate({**dict(step.resubmission), **changes})
    return rules.mend_until(rulebook, step.model_copy(update={"resubmission": again}), attempt, now)


def test_mend_until_is_as_long_as_the_rulebook_gives(rulebook: Rulebook) -> None:
    assert until(rulebook, NOW) == NOW + timedelta(days=7)


def test_mend_until_ends_with_the_phase(rulebook: Rulebook) -> None:
    assert until(rulebook, SCREENING_OVER - MS) == SCREENING_OVER
    assert until(rulebook, SCREENING_OVER) is None


def test_mend_until_ends_with_submission_where_nothing_opens_again(rulebook: Rulebook) -> None:
    assert until(rulebook, DEADLINE - MS, open_after_deadline=False) == DEADLINE
    assert until(rulebook, DEADLINE, open_after_deadline=False) is None


def test_mend_until_counts_the_times(rulebook: Rulebook) -> None:
    assert until(rulebook, NOW, attempt=2, times=2) == NOW + timedelta(days=7)
    assert until(rulebook, NOW, attempt=3, times=2) is None


def test_mend_until_is_none_without_resubmission(rulebook: Rulebook) -> None:
    step = rules.entry_step(rulebook)
    assert step is not None
    assert rules.mend_until(rulebook, step.model_copy(update={"resubmission": None}), 1, NOW) is None


def test_verdict_is_the_worst_of_the_materials() -> None:
    assert rules.verdict_of(entry("pass", "advice")) == "advice"
    assert rules.verdict_of(entry("pass", "unchecked", "advice")) == "unchecked"
    assert rules.verdict_of(entry("pass")) == "pass"
    assert rules.verdict_of(entry()) == "pass"


def test_verdict_of_media_replaces_registrations() -> None:
    checks = rules.with_check((), validated(material="m0", verdict="fail"))
    assert rules.verdict_of(entry("pass").model_copy(update={"checks": checks})) == "fail"


def test_check_of_earlier_material_does_not_count() -> None:
    checks = rules.with_check((), validated(material="earlier", verdict="fail"))
    assert rules.verdict_of(entry("pass").model_copy(update={"checks": checks})) == "pass"


def test_check_is_kept_once_for_each_material() -> None:
    first = rules.with_check((), validated(material="m0", verdict="fail"))
    assert first is not None
    assert rules.with_check(first, validated(material="m0", verdict="fail")) is None
    later = rules.with_check(first, validated(material="m0", at=AT + timedelta(days=1)))
    assert later is not None
    assert [(check.material, check.verdict) for check in later] == [("m0", "pass")]


def test_required_finding_stands_against_approval_whatever_the_verdict_says() -> None:
    odd = validated(material="m0", verdict="pass", findings=(finding(),))
    advised = validated(material="m0", verdict="pass", findings=(finding(level="advice"),))
    codes = []
    for event in (odd, advised):
        subject = entry("pass").model_copy(update={"checks": rules.with_check((), event)})
        codes.append([refused.code for refused in rules.against_approval(subject)])
    assert codes == [["required_rule_broken"], []]


def test_campaign_without_provincial_screening_is_not_screened(rulebook: Rulebook) -> None:
    bare = {CampaignId(rulebook.id): rulebook.model_copy(update={"review_chain": ()})}
    assert [refused.code for refused in rules.against_time(entry("pass"), bare, NOW)] == ["not_screened"]


def test_cursor_reads_what_it_wrote() -> None:
    cursor = Cursor(1688176800123, "018a.b")
    assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\r=x"])
def test_spreadsheet_cell_is_no_formula(cell: str) -> None:
    assert row([cell, "a=1"]).strip('"').startswith(f"'{cell[0]}")


@pytest.mark.parametrize(
    ("abouts", "mendable", "reopened"),
    [
        (["rule:container.size"], True, ("b",)),
        (["rule:naming"], True, ("a", "b")),
        (["field:title", "whole"], True, ()),
        (["rule:naming"], False, ()),
    ],
)
def test_return_without_slots_reopens_what_can_be_mended(
    abouts: list[str], mendable: bool, reopened: tuple[str, ...]
) -> None:
    points_at = {"rule:container.size": frozenset({SlotId("b")}), "rule:naming": frozenset({SlotId("b"), SlotId("a")})}
    grounds = Grounds(points_at=points_at, mend_until=NOW if mendable else None)
    asked = Return.model_validate({"reasons": [{"code": "c", "about": about, "text": "t"} for about in abouts]})
    assert with_slots(asked, grounds).reopened_slots == reopened


def test_return_that_gives_slots_reopens_those() -> None:
    grounds = Grounds(points_at={"slot:a": frozenset({SlotId("a")})}, mend_until=NOW)
    given = {"reasons": [{"code": "c", "about": "slot:a", "text": "t"}], "reopened_slots": ("b",)}
    assert with_slots(Return.model_validate(given), grounds).reopened_slots == ("b",)
