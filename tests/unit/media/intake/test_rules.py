"""What may be uploaded, until when, what is whole, and what becomes of tickets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.refusal import Refused
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceReturned, Reason
from contracts.ids import SlotId
from contracts.rulebook import SHIPPED, Rulebook, load
from services.media.intake import rules
from services.media.intake.models import Entry, Ticket, TicketState
from services.media.models import StoredPart, Unfinished
from tests.support.factories import make

MS = timedelta(milliseconds=1)
CLOSES = datetime(2023, 8, 15, 16, tzinfo=UTC)
OPENS = datetime(2023, 6, 5, 16, tzinfo=UTC)
NOON = datetime(2023, 7, 1, 4, tzinfo=UTC)
MIB = 2**20
VIDEO = SlotId("video")


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return load(SHIPPED / "cloud-studio-2023.yaml")


def entry(**changes: object) -> Entry:
    known = rules.opened(None, make(EntryOpened))
    return known.model_copy(update=changes)


def ticket(size: int = 20 * MIB, **changes: Any) -> Ticket:
    opened = make(EntryOpened)
    return Ticket.model_validate(
        {
            "id": "t",
            "material": "m",
            "entry": "e",
            "slot": "video",
            "studio": "s",
            "account": "a",
            "track": "theme-video",
            "campaign": opened.campaign,
            "revision": opened.revision,
            "province": opened.province,
            "name": "片.zip",
            "size": size,
            "sha256": "0" * 64,
            "receipt": "",
            "key": "material/e/m",
            "taken_at": NOON,
            "seen_at": NOON,
            "deadline": CLOSES,
            "drain_until": CLOSES + timedelta(hours=1),
            "part_size": 8 * MIB,
            **changes,
        }
    )


def refusal(error: pytest.ExceptionInfo[Refused]) -> str:
    return error.value.code


@pytest.mark.parametrize("before", [MS, timedelta(seconds=1)])
def test_ticket_just_before_the_deadline_is_admitted_under_it(rulebook: Rulebook, before: timedelta) -> None:
    terms = rules.admit(entry(), VIDEO, 1000, rulebook, CLOSES - before)
    assert (terms.deadline, terms.drain_until) == (CLOSES, CLOSES + rulebook.drain)


@pytest.mark.parametrize("after", [timedelta(0), MS, timedelta(seconds=1)])
def test_ticket_at_or_after_the_deadline_is_refused(rulebook: Rulebook, after: timedelta) -> None:
    with pytest.raises(Refused) as error:
        rules.admit(entry(), VIDEO, 1000, rulebook, CLOSES + after)
    assert (refusal(error), error.value.facts["expected"]) == ("deadline_passed", CLOSES.isoformat())


def test_ticket_before_the_opening_is_refused_with_the_opening(rulebook: Rulebook) -> None:
    with pytest.raises(Refused) as error:
        rules.admit(entry(), VIDEO, 1000, rulebook, OPENS - MS)
    assert (refusal(error), error.value.facts["expected"]) == ("submission_not_open", OPENS.isoformat())


@pytest.mark.parametrize("offset", [-MS, timedelta(0), MS])
def test_drain_of_a_ticket_is_the_rulebooks_own(rulebook: Rulebook, offset: timedelta) -> None:
    taken = CLOSES - MS
    drain_until = rules.admit(entry(), VIDEO, 1000, rulebook, taken).drain_until
    now = drain_until + offset
    assert (now < drain_until) == rulebook.accepts_bytes(taken, now)


def test_size_at_the_slots_limit_is_admitted_and_one_byte_more_refused(rulebook: Rulebook) -> None:
    largest = 300 * MIB - 1
    assert rules.admit(entry(), VIDEO, largest, rulebook, NOON).part_size == 8 * MIB
    with pytest.raises(Refused) as error:
        rules.admit(entry(), VIDEO, largest + 1, rulebook, NOON)
    facts = error.value.facts
    assert (refusal(error), facts["measured"], facts["expected"]) == ("too_large", largest + 1, largest)


def test_slot_of_another_track_is_refused_with_those_there_are(rulebook: Rulebook) -> None:
    with pytest.raises(Refused) as error:
        rules.admit(entry(), SlotId("case"), 1000, rulebook, NOON)
    assert (refusal(error), error.value.facts["expected"]) == ("slot_unknown", ["video"])


def test_submitted_entry_when_a_ticket_is_asked_for_is_refused(rulebook: Rulebook) -> None:
    with pytest.raises(Refused) as error:
        rules.admit(entry(submitted=1), VIDEO, 1000, rulebook, NOON)
    assert refusal(error) == "entry_submitted"


def test_returned_entry_takes_tickets_for_reopened_slots_until_mend_by(rulebook: Rulebook) -> None:
    mend_by = CLOSES + timedelta(days=3)
    back = entry(submitted=1, returned=1, reopened=(VIDEO,), mend_by=mend_by)
    terms = rules.admit(back, VIDEO, 1000, rulebook, mend_by - MS)
    assert (terms.deadline, terms.drain_until) == (mend_by, mend_by + rulebook.drain)
    with pytest.raises(Refused) as error:
        rules.admit(back, VIDEO, 1000, rulebook, mend_by)
    assert (refusal(error), error.value.facts["expected"]) == ("deadline_passed", mend_by.isoformat())


def test_returned_entry_with_another_slot_reopened_is_refused(rulebook: Rulebook) -> None:
    back = entry(submitted=1, returned=1, reopened=(SlotId("case"),), mend_by=CLOSES)
    with pytest.raises(Refused) as error:
        rules.admit(back, VIDEO, 1000, rulebook, NOON)
    assert (refusal(error), error.value.facts["expected"]) == ("slot_not_reopened", ["case"])


def returned(attempt: int) -> tuple[ProvinceReturned, EntrySubject]:
    opened = make(EntryOpened)
    about = EntrySubject.model_validate({**opened.model_dump(), "attempt": attempt})
    reason = Reason(code="rule-broken", about="slot:video", text="视频超过 5 分钟。")
    event = ProvinceReturned(
        at=NOON, about=about, province=opened.province, city=opened.city, by=opened.account, reasons=(reason,),
        reopened_slots=(VIDEO,), mend_by=CLOSES,
    )  # fmt: skip
    return event, about


def test_events_of_an_entry_in_any_order_lead_to_the_same_entry() -> None:
    opened, submitted, back = make(EntryOpened), make(EntrySubmitted, attempt=1), returned(1)
    in_order = rules.returned(rules.submitted(rules.opened(None, opened), submitted), *back)
    backwards = rules.opened(rules.submitted(rules.returned(None, *back), submitted), opened)
    assert backwards == in_order
    assert not rules.lies_with_province(in_order)


def test_older_return_after_a_resubmission_does_not_reopen() -> None:
    again = rules.submitted(rules.submitted(None, make(EntrySubmitted, attempt=1)), make(EntrySubmitted, attempt=2))
    assert rules.lies_with_province(rules.returned(again, *returned(1)))


@pytest.mark.parametrize("size", [1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 300 * MIB - 1, 513 * MIB])
def test_parts_of_any_size_add_up_to_it(size: int) -> None:
    part = rules.part_size(size)
    sizes = rules.part_sizes(size, part)
    assert sum(sizes.values()) == size
    assert list(sizes) == list(range(1, len(sizes) + 1))
    assert all(each == part for each in list(sizes.values())[:-1])


def stored(*sizes: int) -> tuple[StoredPart, ...]:
    return tuple(StoredPart(number, size, "etag") for number, size in enumerate(sizes, 1) if size)


def test_part_cut_short_is_to_be_sent_again() -> None:
    assert rules.missing(ticket(), stored(8 * MIB, 5, 4 * MIB)) == {2: 8 * MIB}
    assert [part.number for part in rules.good(ticket(), stored(8 * MIB, 5, 4 * MIB))] == [1, 3]


def test_part_sent_twice_counts_as_the_latest_of_the_right_size() -> None:
    def part(size: int, etag: str, second: int) -> StoredPart:
        return StoredPart(1, size, etag, NOON + timedelta(seconds=second))

    sent = (part(8 * MIB, "newer", 2), part(5, "cut", 3), part(8 * MIB, "older", 1), StoredPart(2, 7, "alone"))
    assert [each.etag for each in rules.one_each(ticket(), sent)] == ["newer", "alone"]


def test_upload_of_exactly_the_tickets_parts_is_whole() -> None:
    rules.require_whole(ticket(), stored(8 * MIB, 8 * MIB, 4 * MIB))


@pytest.mark.parametrize(
    ("sizes", "code", "fact"),
    [
        ((8 * MIB, 0, 4 * MIB), "parts_missing", {"missing": [2]}),
        ((8 * MIB, 8 * MIB, 4 * MIB + 1), "size_differs", {"measured": 20 * MIB + 1, "wrong": [3]}),
        ((8 * MIB, 8 * MIB - 1, 4 * MIB + 1), "size_differs", {"measured": 20 * MIB, "wrong": [2, 3]}),
        ((8 * MIB, 8 * MIB, 4 * MIB, 1), "size_differs", {"measured": 20 * MIB + 1, "wrong": [4]}),
    ],
)
def test_upload_that_is_not_the_tickets_is_refused(sizes: tuple[int, ...], code: str, fact: dict[str, object]) -> None:
    with pytest.raises(Refused) as error:
        rules.require_whole(ticket(), stored(*sizes))
    assert (refusal(error), {name: error.value.facts[name] for name in fact}) == (code, fact)


DRAIN = CLOSES + timedelta(hours=1)


def test_completion_asked_for_just_before_the_drain_time_is_in_time() -> None:
    rules.require_completable(ticket(), DRAIN - MS)


def test_completion_asked_for_at_the_drain_time_is_late() -> None:
    with pytest.raises(Refused) as error:
        rules.require_completable(ticket(), DRAIN)
    assert refusal(error) == "ticket_expired"


def test_completion_begun_in_time_and_asked_for_again_later_is_in_time() -> None:
    rules.require_completable(ticket(state="completing", completing_at=DRAIN - MS), DRAIN + timedelta(hours=5))


@pytest.mark.parametrize(
    ("state", "code"),
    [("completed", "ticket_used"), ("aborted", "ticket_ended"), ("expired", "ticket_ended"),
     ("superseded", "ticket_ended")],
)  # fmt: skip
def test_ticket_that_is_over_cannot_be_completed(state: TicketState, code: str) -> None:
    with pytest.raises(Refused) as error:
        rules.require_completable(ticket(state=state), NOON)
    assert refusal(error) == code


@pytest.mark.parametrize(
    ("changes", "now", "due"),
    [
        ({"upload": "u"}, NOON + timedelta(hours=48) - MS, None),
        ({"upload": "u"}, NOON + timedelta(hours=48), "drop_parts"),
        ({}, NOON + timedelta(hours=49), None),
        ({"upload": "u"}, DRAIN - MS, "drop_parts"),
        ({"upload": "u"}, DRAIN, "expire"),
        ({}, DRAIN, "expire"),
        ({"state": "completing", "completing_at": NOON}, NOON + timedelta(seconds=60) - MS, None),
        ({"state": "completing", "completing_at": NOON}, NOON + timedelta(seconds=60), "finish"),
        ({"state": "completing", "completing_at": DRAIN - MS}, DRAIN + timedelta(days=9), "finish"),
        ({"state": "aborted", "upload": "u"}, NOON, "clean"),
        ({"state": "expired", "upload": "u"}, NOON, "clean"),
        ({"state": "aborted"}, NOON, None),
        ({"state": "completed"}, DRAIN, None),
    ],
)
def test_ticket_in_the_sweep_is_due_for(changes: dict[str, Any], now: datetime, due: str | None) -> None:
    assert rules.due(ticket(**changes), now) == due


def test_unfinished_upload_of_no_live_ticket_is_an_orphan_after_two_days() -> None:
    old, live, young = Unfinished("k", "old", NOON), Unfinished("k", "live", NOON), Unfinished("k", "young", NOON + MS)
    found = rules.orphaned((old, live, young), frozenset({"live"}), NOON + timedelta(hours=48))
    assert found == (old,)


def test_urls_are_signed_until_the_drain_time_at_most() -> None:
    longest = timedelta(hours=6)
    assert rules.url_lasts(ticket(), NOON, longest) == longest
    assert rules.url_lasts(ticket(), DRAIN - timedelta(hours=2), longest) == timedelta(hours=2)
