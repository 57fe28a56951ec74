"""A rehearsal keeps the rules and moves the calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.rulebook import SHIPPED, Rulebook, RulebookRefused, dump, load, parse, rehearsal

NOW = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
TWO_MINUTES = timedelta(minutes=2)
CLOUD = load(SHIPPED / "cloud-studio-2023.yaml")


def seconds(rulebook: Rulebook, opens: datetime) -> dict[str, tuple[float, float]]:
    return {
        phase.id: (
            (phase.opens.instant - opens).total_seconds(),
            (phase.closes.instant - opens).total_seconds(),
        )
        for phase in rulebook.phases
    }


def test_rehearsal_sets_the_steps_at_equal_distances(small: str) -> None:
    rehearsed = rehearsal(parse(small), NOW, TWO_MINUTES)
    assert seconds(rehearsed, NOW) == {"submission": (0, 40), "screening": (0, 80), "voting": (80, 120)}


def test_rehearsal_keeps_the_rules_and_says_what_it_is(small: str) -> None:
    real, rehearsed = parse(small), rehearsal(parse(small), NOW, TWO_MINUTES)
    assert (rehearsed.id, rehearsed.title.zh) == ("small-rehearsal", "小活动（演练）")
    assert (rehearsed.tracks, rehearsed.awards, rehearsed.quotas) == (real.tracks, real.awards, real.quotas)
    assert rehearsed.drain == timedelta(seconds=20)


def test_rehearsal_with_phases_placed_by_hand_puts_them_there() -> None:
    second = timedelta(seconds=1)
    placed = rehearsal(
        CLOUD,
        NOW,
        TWO_MINUTES,
        phases={"submission": (0 * second, 50 * second), "screening": (0 * second, 70 * second),
                "voting": (70 * second, 95 * second), "publication": (100 * second, 120 * second)},
        grace=10 * second,
    )  # fmt: skip
    at = seconds(placed, NOW)
    assert (at["submission"], at["screening"], at["voting"]) == ((0, 50), (0, 70), (70, 95))
    assert placed.voting is not None
    assert placed.voting.windows[0].closes.instant == NOW + 95 * second


def test_rehearsal_too_short_for_its_rules_is_refused(small: str) -> None:
    with pytest.raises(RulebookRefused, match="rehearsal of small"):
        rehearsal(parse(small), NOW, timedelta(seconds=2))


def test_rehearsal_that_opens_at_a_naive_time_is_refused(small: str) -> None:
    with pytest.raises(ValueError, match="aware"):
        rehearsal(parse(small), NOW.replace(tzinfo=None), TWO_MINUTES)


@settings(max_examples=20)  # each one loads a whole rulebook three times
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 # zoned by timezones
    st.integers(60, 10**6),
)
def test_rehearsal_of_the_whole_campaign_holds_at_any_time_and_length(opens: datetime, length: int) -> None:
    rehearsed = rehearsal(CLOUD, opens, timedelta(seconds=length))
    order = [phase.id for phase in sorted(CLOUD.phases, key=lambda each: (each.opens.instant, each.closes.instant))]
    assert [
        phase.id for phase in sorted(rehearsed.phases, key=lambda each: (each.opens.instant, each.closes.instant))
    ] == order
    assert parse(dump(rehearsed)).revision == rehearsed.revision
