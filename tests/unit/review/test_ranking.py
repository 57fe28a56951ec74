"""Who ranks where and who wins what."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ids import AccountId, AwardId, CampaignId, EntryId, StudioId, TrackId
from contracts.rulebook import SHIPPED, Rulebook, load
from contracts.rulebook.honours import Scoring
from services.review.results import rules
from services.review.results.models import Contender, Publication, Score

AT = datetime(2023, 10, 10, tzinfo=UTC)
PLAQUE = AwardId("most-distinctive-studio")


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load(SHIPPED / "cloud-studio-2023.yaml")


@pytest.fixture(scope="module")
def scoring(rulebook: Rulebook) -> Scoring:
    assert rulebook.scoring is not None
    return rulebook.scoring


def contender(entry: str, studio: str, votes: int, track: str = "theme-video") -> Contender:
    account = AccountId(f"of-{studio}")
    return Contender(EntryId(entry), StudioId(studio), account, TrackId(track), entry, studio, votes)


def score(studio: str, dimension: str, given: float, by: str = "expert") -> Score:
    return Score(
        campaign=CampaignId("c"),
        studio=StudioId(studio),
        dimension=dimension,
        score=given,
        by=AccountId(by),
        at=AT,
        revision="0" * 64,
    )


def winners(rulebook: Rulebook, *entered: Contender, **counts: int) -> list[tuple[str, int, str]]:
    asked = Publication(counts={AwardId(name.replace("_", "-")): count for name, count in counts.items()})
    return [
        (award.studio or "", award.rank, award.entry or "")
        for award in rules.awards(rulebook, entered, (), {}, asked)
        if award.award == PLAQUE
    ]


def test_places_share_and_skip() -> None:
    assert rules.places({"a": 5, "b": 9, "d": 5, "c": 1}) == {"b": 1, "a": 2, "d": 2, "c": 4}


@given(st.dictionaries(st.text(min_size=1), st.integers(0, 5)))
def test_rank_is_one_more_than_the_number_ahead(values: dict[str, int]) -> None:
    assert rules.places(values) == {
        key: 1 + sum(other > value for other in values.values()) for key, value in values.items()
    }


def test_studio_stands_with_its_best_entry(rulebook: Rulebook) -> None:
    entered = (contender("e1", "s1", 4), contender("e2", "s1", 6), contender("e3", "s2", 9))
    assert winners(rulebook, *entered, most_distinctive_studio=3) == [("s2", 1, "e3"), ("s1", 2, "e2")]


def test_open_number_without_a_count_goes_to_the_first(rulebook: Rulebook) -> None:
    assert winners(rulebook, contender("e1", "s1", 4), contender("e2", "s2", 9)) == [("s2", 1, "e2")]


def test_everybody_at_the_last_rank_wins(rulebook: Rulebook) -> None:
    entered = (contender("e1", "s1", 4), contender("e2", "s2", 4), contender("e3", "s3", 3))
    assert winners(rulebook, *entered) == [("s1", 1, "e1"), ("s2", 1, "e2")]


def test_nobody_wins_without_a_vote(rulebook: Rulebook) -> None:
    assert winners(rulebook, contender("e1", "s1", 0)) == []


def test_total_is_the_weighted_mean_of_the_experts(scoring: Scoring) -> None:
    given = [score("s1", dimension.id, 80) for dimension in scoring.dimensions]
    given += [score("s1", "team", 60, by="second")]
    assert rules.totals(given, scoring) == {"s1": (80 + 80 + 80 + 70) / 4}


def test_studio_without_a_dimension_has_no_total(scoring: Scoring) -> None:
    assert rules.totals([score("s1", "team", 100)], scoring) == {}


def test_total_does_not_depend_on_the_order(scoring: Scoring) -> None:
    dimensions = [dimension.id for dimension in scoring.dimensions]
    parts = [score("s", name, value, by=f"e{n}") for name in dimensions for n, value in enumerate((0.1, 0.2, 0.3))]
    assert rules.totals(parts, scoring) == rules.totals(parts[::-1], scoring) == {"s": 0.2}
