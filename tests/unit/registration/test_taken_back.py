"""A second look takes a pass back on an entry that came back for another slot: whichever is heard first, and however
often, both can be mended until the later of their times."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from contracts.events.event import Event
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.review import ProvinceApproved, ProvinceReturned
from contracts.ids import AccountId, CampaignId, EntryId, MaterialId, SlotId, StudioId, TrackId
from contracts.rulebook import SHIPPED, load
from services.registration.entries import rules
from services.registration.entries.models import Entry
from services.registration.models import Refusal
from tests.service.registration.factories import MILLISECOND, entry_decision, taken_back, uploaded, validated

RULEBOOK = load(SHIPPED / "micro-video-2022.yaml")
NOW = datetime(2022, 10, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
DRAIN = RULEBOOK.drain
VIDEO, COVER, FORM = SlotId("video"), SlotId("cover"), SlotId("form")
ENTRY = Entry(
    id=EntryId("entry"),
    studio=StudioId("studio"),
    account=AccountId("account"),
    studio_name="黄河之声科普工作室",
    province="620000",
    city="620100",
    campaign=CampaignId("micro-video-2022"),
    revision=RULEBOOK.revision,
    track=TrackId("micro-video"),
    title="桥为什么不怕水",
    opened_at=NOW,
)
KNOWN = {"entry": ENTRY.id, "campaign": ENTRY.campaign, "revision": ENTRY.revision, "track": ENTRY.track}
DECIDED = {**KNOWN, "title": ENTRY.title}


def hear(entry: Entry, *news: Event) -> Entry:
    """The entry after some news, each of them delivered twice."""
    for each in (again for event in news for again in (event, event)):
        match each:
            case MaterialUploaded():
                entry = rules.settled(rules.with_upload(entry, each), RULEBOOK)
            case MediaValidated():
                entry = rules.settled(rules.with_verdict(entry, each), RULEBOOK)
            case ProvinceReturned() | ProvinceApproved():
                entry = rules.decided(entry, each)
    return entry


def passed(slot: SlotId, at: datetime = NOW) -> tuple[MaterialUploaded, MediaValidated]:
    """An upload that passed in place."""
    upload = uploaded(KNOWN, at, slot=slot)
    return upload, validated(upload).model_copy(update={"stage": "first"})


def hand_in(entry: Entry, at: datetime, **named: MaterialId) -> Entry:
    after = rules.handed_in(entry, RULEBOOK, at, {SlotId(slot): each for slot, each in named.items()})
    assert isinstance(after, Entry), after
    return after


def waits(entry: Entry) -> list[tuple[str, str]]:
    return [(each.slot, each.waits_for) for each in rules.outstanding(entry, RULEBOOK)]


FIRST = {slot: passed(slot) for slot in (VIDEO, COVER, FORM)}
SUBMITTED = hand_in(hear(ENTRY, *(news for both in FIRST.values() for news in both)), NOW)
SHORT, LONG = NOW + DAY, NOW + 2 * DAY
BACK = taken_back(FIRST[VIDEO][1], LONG)
COVER_BACK = entry_decision(DECIDED, NOW + timedelta(hours=1), reopened_slots=(COVER,), mend_by=SHORT)
TWICE_BACK = hear(SUBMITTED, COVER_BACK, BACK)


@pytest.mark.parametrize("order", list(permutations([COVER_BACK, BACK])))
def test_return_and_taken_back_in_any_order_reopen_both_until_the_later(order: tuple[Event, ...]) -> None:
    entry = hear(SUBMITTED, *order, *order)
    assert (entry.state, entry.open_slots, entry.open_until) == ("returned", (COVER, VIDEO), LONG)
    assert entry == TWICE_BACK
    handed_in = hand_in(entry, LONG - MILLISECOND)
    assert (handed_in.state, waits(handed_in)) == ("handed_in", [("video", "bytes"), ("cover", "bytes")])
    late = rules.handed_in(entry, RULEBOOK, LONG)
    assert isinstance(late, Refusal)
    assert (late.code, rules.deadline(entry, RULEBOOK)) == ("deadline_passed", LONG)


def test_later_time_of_the_return_holds_for_what_was_taken_back_too() -> None:
    long = entry_decision(DECIDED, NOW + timedelta(hours=1), reopened_slots=(COVER,), mend_by=LONG + DAY)
    ends = [hear(SUBMITTED, *order) for order in permutations([long, BACK])]
    assert [(each.open_slots, each.open_until) for each in ends] == [((COVER, VIDEO), LONG + DAY)] * 2


def test_both_mended_are_submitted_in_any_order_of_the_news() -> None:
    cover, video = passed(COVER, LONG - MILLISECOND), passed(VIDEO, LONG - MILLISECOND)
    ends = set()
    for order in permutations([*cover, *video]):
        named = {"cover": cover[0].material, "video": video[0].material}
        entry = hear(hand_in(TWICE_BACK, LONG - MILLISECOND, **named), *order)
        ends.add((entry.state, entry.attempt, frozenset(each.material for each in entry.submitted)))
    with_ = frozenset({cover[0].material, video[0].material, FIRST[FORM][0].material})
    assert ends == {("submitted", 2, with_)}


@pytest.mark.parametrize("first", ["taken back", "handed in"])
def test_entry_on_its_way_again_waits_for_what_is_taken_back(first: str) -> None:
    cover = passed(COVER, NOW + timedelta(hours=2))
    returned = hear(SUBMITTED, COVER_BACK)
    if first == "taken back":
        entry = hand_in(hear(returned, BACK), SHORT - MILLISECOND)
    else:
        entry = hear(hand_in(returned, SHORT - MILLISECOND), BACK)
    entry = hear(entry, *cover)
    assert (entry.state, waits(entry)) == ("handed_in", [("video", "bytes")])
    assert not rules.overdue(entry, RULEBOOK, SHORT + DRAIN)
    assert rules.overdue(entry, RULEBOOK, LONG + DRAIN)
    assert hear(entry, *passed(VIDEO, LONG - MILLISECOND)).attempt == 2


def test_entry_given_up_goes_on_when_it_is_given_time_to_mend() -> None:
    entry = hand_in(hear(SUBMITTED, COVER_BACK), SHORT - MILLISECOND)
    assert rules.overdue(entry, RULEBOOK, SHORT + DRAIN)
    entry = hear(entry.model_copy(update={"state": "incomplete"}), BACK)
    assert (entry.state, waits(entry)) == ("handed_in", [("video", "bytes"), ("cover", "bytes")])
    mended = hear(entry, *passed(COVER, LONG - MILLISECOND), *passed(VIDEO, LONG - MILLISECOND))
    assert (mended.state, mended.attempt) == ("submitted", 2)
    assert rules.overdue(entry, RULEBOOK, LONG + DRAIN)
    assert hear(entry.model_copy(update={"state": "incomplete"}), BACK).state == "incomplete"


def test_entry_submitted_again_with_what_is_then_taken_back_comes_back_for_it() -> None:
    again = hear(hand_in(hear(SUBMITTED, COVER_BACK), SHORT - MILLISECOND), *passed(COVER, NOW + timedelta(hours=2)))
    second = entry_decision(DECIDED, NOW + DAY, attempt=2, reopened_slots=(VIDEO,), mend_by=LONG)
    ends = [hear(again, *order) for order in permutations([BACK, second])]
    assert [(each.state, each.attempt, each.open_slots, each.open_until) for each in ends] == [
        ("returned", 2, (VIDEO,), LONG)
    ] * 2
    assert ends[0] == ends[1]


def test_taking_back_what_was_replaced_since_changes_nothing_for_the_newer_attempt() -> None:
    returned = hear(SUBMITTED, entry_decision(DECIDED, NOW + MILLISECOND, reopened_slots=(VIDEO,), mend_by=SHORT))
    again = hear(hand_in(returned, NOW + timedelta(hours=1)), *passed(VIDEO, NOW + timedelta(hours=2)))
    second = entry_decision(DECIDED, NOW + timedelta(hours=3), attempt=2, reopened_slots=(COVER,), mend_by=SHORT)
    for order in permutations([BACK, second]):
        entry = hear(again, *order)
        assert (entry.state, entry.attempt, entry.open_slots, entry.open_until) == ("returned", 2, (COVER,), SHORT)


def test_taken_back_that_is_heard_after_a_newer_upload_counts_as_if_it_had_come_before() -> None:
    returned = hear(SUBMITTED, COVER_BACK)
    video = passed(VIDEO, LONG - MILLISECOND)
    for order in permutations([BACK, *video]):
        entry = hand_in(hear(returned, *order), LONG - MILLISECOND)
        assert (entry.state, waits(entry)) == ("handed_in", [("cover", "bytes")])


def test_approved_entry_is_not_reopened() -> None:
    approval = entry_decision(DECIDED, NOW + timedelta(hours=1))
    for order in permutations([approval, BACK]):
        entry = hear(SUBMITTED, *order)
        assert (entry.state, entry.open_slots, entry.open_until) == ("approved", (), None)
        assert isinstance(rules.handed_in(entry, RULEBOOK, NOW), Refusal)


def test_draft_whose_material_is_taken_back_after_the_deadline_can_be_handed_in_with_another() -> None:
    draft = hear(ENTRY, *(news for both in FIRST.values() for news in both))
    video = passed(VIDEO, LONG - MILLISECOND)
    for order in permutations([BACK, *video]):
        entry = hand_in(hear(draft, *order), LONG - MILLISECOND)
        assert (entry.state, entry.attempt) == ("submitted", 1)
        assert (entry.open_slots, entry.open_until) == ((), None)
