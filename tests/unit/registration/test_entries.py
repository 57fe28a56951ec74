"""What becomes of an entry, whatever order its news arrives in."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.ids import AccountId, CampaignId, EntryId, MaterialId, SlotId, StudioId, ThemeId, TrackId
from contracts.rulebook import SHIPPED, load
from services.registration.entries import rules
from services.registration.entries.models import Entry
from services.registration.models import Refusal
from tests.service.registration.factories import DEADLINE, DRAIN, MILLISECOND, SLOT, entry_decision, uploaded, validated

RULEBOOK = load(SHIPPED / "cloud-studio-2023.yaml")
NOW = datetime(2023, 7, 1, 4, tzinfo=UTC)
ENTRY = Entry(
    id=EntryId("entry"),
    studio=StudioId("studio"),
    account=AccountId("account"),
    studio_name="黄河之声科普工作室",
    province="620000",
    city="620100",
    campaign=CampaignId("cloud-studio-2023"),
    revision=RULEBOOK.revision,
    track=TrackId("theme-video"),
    theme=ThemeId("spaceflight"),
    title="桥为什么不怕水",
    opened_at=NOW,
)
KNOWN = {"entry": ENTRY.id, "campaign": ENTRY.campaign, "revision": ENTRY.revision, "track": ENTRY.track}
DECIDED = {**KNOWN, "title": ENTRY.title}


def hear(entry: Entry, event: MaterialUploaded | MediaValidated) -> Entry:
    """The entry after one piece of news of its material."""
    known = rules.with_upload if isinstance(event, MaterialUploaded) else rules.with_verdict
    return rules.settled(known(entry, event), RULEBOOK)  # type: ignore[arg-type] # chosen by the event's class


def hand_in(entry: Entry, now: datetime = NOW) -> Entry:
    """The entry handed in."""
    after = rules.handed_in(entry, RULEBOOK, now)
    assert isinstance(after, Entry), after
    return after


def test_news_in_any_order_ends_in_the_same_submission() -> None:
    first, second = uploaded(KNOWN, NOW), uploaded(KNOWN, NOW + timedelta(minutes=1))
    news = (None, first, validated(first, "advice"), second, validated(second))
    ends = set()
    for order in permutations(news):
        entry = ENTRY
        for each in order:
            entry = hear(hear(entry, each), each) if each else hand_in(entry)
        ends.add((entry.state, entry.attempt))
    assert ends == {("submitted", 1)}


def test_verdict_that_is_older_than_the_one_known_changes_nothing() -> None:
    upload = uploaded(KNOWN, NOW)
    entry = hear(hear(ENTRY, upload), validated(upload, "pass", at=NOW + timedelta(minutes=2)))
    assert hear(entry, validated(upload, "fail", at=NOW + timedelta(minutes=1))) == entry


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (DEADLINE - MILLISECOND, None),
        (DEADLINE, "deadline_passed"),
        (DEADLINE + MILLISECOND, "deadline_passed"),
        (datetime(2023, 6, 5, 15, 59, 59, 999000, tzinfo=UTC), "not_open_yet"),
        (datetime(2023, 6, 5, 16, tzinfo=UTC), None),
    ],
)
def test_hand_in_counts_from_the_opening_to_the_deadline(at: datetime, code: str | None) -> None:
    after = rules.handed_in(ENTRY, RULEBOOK, at)
    assert (after.code if isinstance(after, Refusal) else None) == code


def test_lost_answer_can_be_asked_for_again_after_the_deadline() -> None:
    entry = hand_in(ENTRY, DEADLINE - MILLISECOND)
    assert rules.handed_in(entry, RULEBOOK, DEADLINE + timedelta(minutes=1)) == entry


@pytest.mark.parametrize(("now", "given_up"), [(DEADLINE + DRAIN - MILLISECOND, False), (DEADLINE + DRAIN, True)])
def test_entry_is_overdue_when_the_drain_is_over(now: datetime, given_up: bool) -> None:
    assert rules.overdue(hand_in(ENTRY), RULEBOOK, now) == given_up
    assert rules.overdue(ENTRY, RULEBOOK, now) is False


def test_mended_entry_is_overdue_when_the_drain_after_its_own_deadline_is_over() -> None:
    mend_by = DEADLINE + timedelta(days=5)
    entry = hand_in(returned(mend_by), mend_by - MILLISECOND)
    assert [rules.overdue(entry, RULEBOOK, mend_by + DRAIN - each) for each in (MILLISECOND, 0 * DRAIN)] == [
        False,
        True,
    ]


def test_reopened_slot_waits_for_other_material_than_before() -> None:
    entry = hand_in(returned(DEADLINE + timedelta(days=5)), DEADLINE)
    assert [(each.slot, each.waits_for) for each in rules.outstanding(entry, RULEBOOK)] == [(SLOT, "bytes")]


def test_failed_mending_brings_the_entry_back_without_spending_its_attempt() -> None:
    entry = hand_in(returned(DEADLINE + timedelta(days=5)), DEADLINE)
    mended = uploaded(KNOWN, DEADLINE)
    after = hear(hear(entry, mended), validated(mended, "fail"))
    assert (after.state, after.attempt, after.mend_by) == ("returned", 1, DEADLINE + timedelta(days=5))


def test_slot_that_was_not_reopened_keeps_what_it_was_submitted_with() -> None:
    entry = returned(DEADLINE + timedelta(days=5), reopened=False)
    stray = uploaded(KNOWN, NOW + timedelta(hours=1))
    again = hand_in(hear(hear(entry, stray), validated(stray, "fail")), DEADLINE)
    assert (again.state, again.attempt, again.submitted) == ("submitted", 2, entry.submitted)


def test_slot_nobody_knows_cannot_be_named() -> None:
    after = rules.handed_in(ENTRY, RULEBOOK, NOW, {SlotId("poster"): MaterialId("m")})
    assert isinstance(after, Refusal)
    assert (after.code, after.status) == ("slot_unknown", 422)


def returned(mend_by: datetime, *, reopened: bool = True) -> Entry:
    """The entry, submitted once and come back."""
    upload = uploaded(KNOWN, NOW)
    entry = hear(hear(hand_in(ENTRY), upload), validated(upload))
    slots = (SLOT,) if reopened else ()
    return rules.decided(entry, entry_decision(DECIDED, NOW + timedelta(days=1), reopened_slots=slots, mend_by=mend_by))
