"""The certification form, as the shipped rulebook lays it down."""

from collections.abc import Mapping

import pytest

from contracts.rulebook import SHIPPED, Moment, load, load_all
from contracts.rulebook.clause import Text
from contracts.rulebook.limits import CharacterLimit
from contracts.rulebook.material import FieldText
from services.registration.certification.rules import Form, form_of, wanted

RULEBOOK = load(SHIPPED / "cloud-studio-2023.yaml")
FORM = form_of([RULEBOOK])


def test_form_has_the_five_pages_of_the_notice() -> None:
    assert [step.id for step in FORM.steps] == ["unit", "region", "people", "funding", "scan"]
    assert FORM.scan_field == "stamped-form"


def test_form_is_that_of_the_campaign_that_opens_last() -> None:
    registration = RULEBOOK.phase("registration")
    assert registration is not None
    moved = {"opens": Moment("2024-06-06T00:00+08:00")}
    kinds = RULEBOOK.applicants.kinds[:1]
    later = RULEBOOK.model_copy(
        update={
            "phases": (registration.model_copy(update=moved),),
            "applicants": RULEBOOK.applicants.model_copy(update={"kinds": kinds}),
        }
    )
    assert form_of([RULEBOOK, later]).kinds == form_of([later, RULEBOOK]).kinds == kinds


def test_shipped_rulebooks_lay_down_a_form() -> None:
    assert isinstance(form_of(load_all(SHIPPED).values()), Form)


def test_rulebooks_without_a_certification_lay_down_no_form() -> None:
    without = RULEBOOK.model_copy(update={"applicants": RULEBOOK.applicants.model_copy(update={"certification": None})})
    with pytest.raises(LookupError, match="no rulebook"):
        form_of([without])


@pytest.mark.parametrize(
    ("step", "answers", "faulty"),
    [
        ("unit", {"kind": "school-studio", "name": "工作室"}, []),
        ("unit", {"kind": "中小学校"}, ["kind"]),
        ("unit", {"name": 7}, ["name"]),
        ("unit", {"open-since": "2022-06-24"}, []),
        ("unit", {"open-since": "24.06.2022"}, ["open-since"]),
        ("unit", {"open-since": "2022-02-30"}, ["open-since"]),
        ("people", {"staff": 1, "part-time": 0}, []),
        ("people", {"staff": 0, "part-time": -1}, ["staff", "part-time"]),
        ("people", {"tutors-from": ("学校科技辅导员", "退休人员")}, []),
        ("people", {"tutors-from": "学校科技辅导员"}, []),
        ("people", {"tutors-from": ("学校科技辅导员", "别的")}, ["tutors-from"]),
        ("people", {"kind": "school-studio"}, ["kind"]),
        ("scan", {"stamped-form": 3}, ["stamped-form"]),
    ],
)
def test_answers_are_held_against_their_fields(step: str, answers: Mapping[str, object], faulty: list[str]) -> None:
    assert [fault.field for fault in FORM.faults(step, answers)] == faulty  # type: ignore[arg-type] # checked strings


@pytest.mark.parametrize(("text", "holds"), [("机器人 robot", True), ("机器人 robots club", False)])
def test_text_is_counted_in_words_and_characters(text: str, holds: bool) -> None:
    field = FieldText(kind="text", id="t", title=Text(zh="题", en="t"), required=True, characters=CharacterLimit(max=4))
    assert (wanted(field, text) is None) == holds


def test_empty_answer_is_missing() -> None:
    assert FORM.missing("people", {"staff": 3, "part-time": 0, "senior": 0, "tutors-from": ()}) == ("tutors-from",)
