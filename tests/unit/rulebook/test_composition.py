"""How many entries an applicant may have, and how many it must."""

import pytest

from contracts.ids import ThemeId, TrackId
from contracts.rulebook import Rulebook, parse
from contracts.rulebook.composition import Place, may_open, missing

VIDEO = TrackId("video")
SPACE, ROBOTS = Place(VIDEO, ThemeId("space")), Place(VIDEO, ThemeId("robots"))


@pytest.fixture
def rulebook(small: str) -> Rulebook:
    return parse(small)


@pytest.mark.parametrize(
    ("existing", "wanted", "rule"),
    [
        ([], SPACE, None),
        ([SPACE], ROBOTS, None),
        ([SPACE], SPACE, "video.entries.per_theme"),
        ([], Place(VIDEO, ThemeId("cooking")), "video.themes"),
        ([], Place(VIDEO), "video.themes"),
        ([], Place(TrackId("case")), "case.track"),
    ],
)
def test_entry_is_refused_by_the_rule_it_breaks(
    rulebook: Rulebook, existing: list[Place], wanted: Place, rule: str | None
) -> None:
    breach = may_open(rulebook, existing, wanted)
    assert (breach and breach.rule) == rule


def test_entry_beyond_the_number_allowed_is_refused(small: str) -> None:
    rulebook = parse(small.replace("max: 2, per_theme: 1", "max: 1, per_theme: 1"))
    breach = may_open(rulebook, [SPACE], ROBOTS)
    assert breach is not None
    assert (breach.rule, breach.text.zh) == ("video.entries.max", "“视频”最多提交 1 件")


def test_entry_of_a_kind_of_applicant_not_admitted_is_refused(rulebook: Rulebook) -> None:
    kinds = ["school", "museum"]
    breaches = [may_open(rulebook, [], SPACE, applicant=kind) for kind in kinds]
    assert [breach and breach.rule for breach in breaches] == [None, "video.applicants"]


def test_applicant_without_an_obligatory_entry_lacks_it(rulebook: Rulebook) -> None:
    assert [breach.rule for breach in missing(rulebook, [])] == ["video.entries.min"]
    assert missing(rulebook, [SPACE]) == ()
