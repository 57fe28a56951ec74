"""What a rulebook decides by itself, given the time."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.ids import SlotId, TrackId
from contracts.rulebook import Rulebook, parse

OPENING = datetime(2023, 6, 5, 16, tzinfo=UTC)
DEADLINE = datetime(2023, 8, 15, 16, tzinfo=UTC)
FIRST_VOTE = datetime(2023, 8, 31, 16, tzinfo=UTC)
LAST_VOTE = datetime(2023, 9, 10, 16, tzinfo=UTC)
HOUR, MS = timedelta(hours=1), timedelta(milliseconds=1)


@pytest.fixture
def rulebook(small: str) -> Rulebook:
    return parse(small)


def test_tickets_are_accepted_from_the_opening_until_just_before_the_deadline(rulebook: Rulebook) -> None:
    at = [OPENING - MS, OPENING, DEADLINE - MS, DEADLINE, DEADLINE + MS]
    assert [rulebook.accepts_tickets(now) for now in at] == [False, True, True, False, False]


def test_tickets_for_a_returned_entry_are_accepted_until_its_own_deadline(rulebook: Rulebook) -> None:
    mend_by = DEADLINE + 48 * HOUR
    at = [DEADLINE, mend_by - MS, mend_by]
    assert [rulebook.accepts_tickets(now, mend_by) for now in at] == [True, True, False]


def test_bytes_are_accepted_until_the_drain_ends_for_tickets_taken_in_time(rulebook: Rulebook) -> None:
    taken = DEADLINE - MS
    at = [taken, DEADLINE, DEADLINE + HOUR - MS, DEADLINE + HOUR]
    assert [rulebook.accepts_bytes(taken, now) for now in at] == [True, True, True, False]


def test_bytes_for_a_ticket_taken_too_late_or_in_the_future_are_refused(rulebook: Rulebook) -> None:
    early = DEADLINE - HOUR
    assert [
        rulebook.accepts_bytes(DEADLINE, DEADLINE + MS),
        rulebook.accepts_bytes(OPENING - MS, OPENING + MS),
        rulebook.accepts_bytes(early + MS, early),
    ] == [False, False, False]


def test_bytes_for_a_returned_entry_are_accepted_until_its_deadline_and_the_drain(rulebook: Rulebook) -> None:
    mend_by = DEADLINE + 48 * HOUR
    at = [mend_by, mend_by + HOUR - MS, mend_by + HOUR]
    assert [rulebook.accepts_bytes(mend_by - MS, now, mend_by) for now in at] == [True, True, False]


def test_bytes_of_an_entry_returned_with_little_time_keep_the_campaign_deadline(rulebook: Rulebook) -> None:
    assert rulebook.accepts_bytes(OPENING + HOUR, DEADLINE, mend_by=OPENING + 2 * HOUR)


def test_what_is_returned_may_be_mended_for_its_span_but_not_past_its_phase(small: str) -> None:
    step = "phase: screening"
    rulebook = parse(small.replace(step, f"{step}, resubmission: {{within: 7d, open_after_deadline: true}}"))
    screening_closes = datetime(2023, 8, 31, 16, tzinfo=UTC)
    at = [OPENING, DEADLINE, screening_closes - HOUR]
    assert [rulebook.mend_by("entry", now) for now in at] == [
        OPENING + 7 * 24 * HOUR,
        DEADLINE + 7 * 24 * HOUR,
        screening_closes,
    ]


def test_what_is_returned_may_not_be_mended_past_the_deadline_where_the_rules_say_so(small: str) -> None:
    step = "phase: screening"
    rulebook = parse(small.replace(step, f"{step}, resubmission: {{within: 7d, open_after_deadline: false}}"))
    assert rulebook.mend_by("entry", DEADLINE - HOUR) == DEADLINE


def test_what_nobody_may_resubmit_has_no_time_to_be_mended(rulebook: Rulebook) -> None:
    assert (rulebook.mend_by("entry", OPENING), rulebook.mend_by("certification", OPENING)) == (None, None)


def test_phase_that_a_campaign_does_not_have_is_never_open(rulebook: Rulebook) -> None:
    open_phases = [rulebook.in_phase(phase, OPENING) for phase in ("submission", "voting", "exhibition")]
    assert open_phases == [True, False, False]


def test_quota_of_a_province_is_not_that_of_a_recommender(rulebook: Rulebook) -> None:
    video = TrackId("video")
    assert (rulebook.most_recommended(video), rulebook.most_recommended(video, "society")) == (5, None)


def test_phase_where_several_are_open_is_the_one_that_opened_last(rulebook: Rulebook) -> None:
    at = [OPENING - MS, OPENING, DEADLINE, FIRST_VOTE, LAST_VOTE]
    phases = [rulebook.phase_at(now) for now in at]
    assert [phase and phase.id for phase in phases] == [None, "screening", "screening", "voting", None]


def test_phases_that_overlap_are_all_named(rulebook: Rulebook) -> None:
    assert [phase.id for phase in rulebook.phases_at(OPENING)] == ["submission", "screening"]


def test_vote_window_between_two_windows_is_none(rulebook: Rulebook) -> None:
    gap = datetime(2023, 9, 5, 16, tzinfo=UTC)
    at = [FIRST_VOTE - MS, FIRST_VOTE, gap - MS, gap, LAST_VOTE - MS, LAST_VOTE]
    windows = [rulebook.vote_window(now) for now in at]
    first, second = rulebook.voting.windows if rulebook.voting else ()
    assert windows == [None, first, first, None, second, None]


def test_ranking_is_hidden_for_the_last_hours_of_the_vote(rulebook: Rulebook) -> None:
    at = [LAST_VOTE - 24 * HOUR - MS, LAST_VOTE - 24 * HOUR, LAST_VOTE - MS, LAST_VOTE]
    assert [rulebook.shows_ranking(now) for now in at] == [True, False, False, True]


def test_voting_day_follows_the_time_zone_of_the_campaign(rulebook: Rulebook) -> None:
    midnight_in_beijing = datetime(2023, 9, 1, 16, tzinfo=UTC)
    at = [midnight_in_beijing - MS, midnight_in_beijing]
    assert [rulebook.voting_day(now).isoformat() for now in at] == ["2023-09-01", "2023-09-02"]


def test_time_without_a_zone_decides_nothing(rulebook: Rulebook) -> None:
    with pytest.raises(TypeError, match="offset-naive"):
        rulebook.accepts_tickets(datetime(2023, 7, 1))  # noqa: DTZ001 # the mistake this is about


def test_slot_of_a_track_is_found_and_an_unknown_one_is_named(rulebook: Rulebook) -> None:
    assert rulebook.slot(TrackId("video"), SlotId("film")).largest == 300 * 2**20 - 1
    with pytest.raises(KeyError, match="no slot 'poster'"):
        rulebook.slot(TrackId("video"), SlotId("poster"))
    with pytest.raises(KeyError, match="no track 'case'"):
        rulebook.slot(TrackId("case"), SlotId("film"))


def test_slot_limits_carry_the_rule_ids_of_findings(rulebook: Rulebook) -> None:
    slot = rulebook.slot(TrackId("video"), SlotId("film"))
    assert [(rule, limit.level) for rule, limit in slot.limits()] == [
        ("container.format", "required"),
        ("container.size", "required"),
        ("video.count", "required"),
        ("video.format", "required"),
        ("video.duration", "advice"),
        ("video.aspect", "required"),
    ]
