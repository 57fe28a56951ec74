"""What may be uploaded, until when, what counts as whole, and what becomes of tickets nobody comes back for.

Pure: the time is passed in. Times are whole milliseconds, as records keep them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import EntrySubject, ProvinceApproved, ProvinceReturned
from contracts.ids import SlotId, StudioId, TicketId
from contracts.rulebook import Rulebook
from services.media.intake import refusals
from services.media.intake.models import LIVE, Entry, TakenBack, Terms, Ticket
from services.media.models import StoredPart, Unfinished, Whole

MIB: Final = 2**20
ABSURD: Final = 5 * 2**30
"""The most bytes of an upload where the rulebook sets no limit."""
FORGOTTEN: Final = timedelta(hours=48)
"""Parts nobody came back for, and whatever else belongs to no ticket, are kept this long."""
STUCK: Final = timedelta(seconds=60)
"""A completion not done by then was cut short."""

MOST_LIVE: Final = 20
"""The most tickets a slot has at a time that are neither used nor at an end."""

Due = Literal["finish", "expire", "drop_parts", "clean"]


def whole_ms(moment: datetime) -> datetime:
    """Cut to milliseconds, so that receipt, record and event say the same."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def studio_of(caller_studio: StudioId | None) -> StudioId:
    """The studio a caller acts for; one without a studio has no tickets."""
    if caller_studio is None:
        raise refusals.ticket_not_found()
    return caller_studio


def opened(known: Entry | None, event: EntryOpened) -> Entry:
    """The entry after it was opened; what was heard of it before this came stays."""
    return known or _entry(event)


def submitted(known: Entry | None, event: EntrySubmitted) -> Entry:
    """The entry after it was submitted."""
    entry = known or _entry(event)
    if event.attempt <= entry.submitted:
        return entry
    newest = {
        "submitted": event.attempt,
        "materials": tuple(each.material for each in event.materials),
        "title": event.title,
        "taken_back": _not_mended(entry, event),
    }
    return entry.model_copy(update=newest)


def approved(known: Entry | None, event: ProvinceApproved, about: EntrySubject) -> Entry:
    """The entry after its province approved an attempt, of which may not have been heard yet."""
    entry = known or _entry_of(event, about)
    return entry.model_copy(update={"approved": max(entry.approved, about.attempt)})


def to_show(entry: Entry) -> bool:
    """Whether what it was submitted with is to be made ready for the eyes."""
    return entry.approved > 0 and entry.approved == entry.submitted


def returned(known: Entry | None, event: ProvinceReturned, about: EntrySubject) -> Entry:
    """The entry after it came back with some slots reopened; what was taken back stays open beside them."""
    entry = known or _entry_of(event, about)
    if about.attempt <= entry.returned:
        return entry
    back = {"returned": about.attempt, "reopened": event.reopened_slots, "mend_by": event.mend_by}
    return entry.model_copy(update=back)


def taken_back(entry: Entry, back: TakenBack) -> Entry:
    """The entry after a pass of its material was taken back. One that lies with its province has to come back first."""
    return entry.model_copy(update={"taken_back": (*entry.taken_back, back)})


def lies_with_province(entry: Entry) -> bool:
    """Whether it was submitted and has not come back since."""
    return entry.submitted > entry.returned


def require_open(entry: Entry, slot: SlotId) -> None:
    """Refuse where the entry's material cannot be changed now."""
    if lies_with_province(entry):
        raise refusals.entry_submitted(entry)
    if entry.returned and slot not in entry.open_slots:
        raise refusals.slot_not_reopened(entry, slot)


def admit(entry: Entry, slot: SlotId, size: int, rulebook: Rulebook, now: datetime) -> Terms:
    """The terms of a ticket taken now, or the precise reason why none can be."""
    slots = rulebook.track(entry.track).slots
    wanted = next((each for each in slots if each.id == slot), None)
    if wanted is None:
        raise refusals.slot_unknown(slot, slots)
    if size > (largest := wanted.largest or ABSURD):
        raise refusals.too_large(size, largest)
    require_open(entry, slot)
    deadline = deadline_at(rulebook, now, entry.open_until)
    return Terms(
        revision=rulebook.revision,
        deadline=deadline,
        drain_until=deadline + rulebook.drain,
        part_size=part_size(size),
    )


def require_room(live: Sequence[TicketId]) -> None:
    """Refuse another ticket for a slot that has many; each keeps parts in the store."""
    if len(live) >= MOST_LIVE:
        raise refusals.too_many_tickets(live, MOST_LIVE)


def deadline_at(rulebook: Rulebook, now: datetime, mend_by: datetime | None) -> datetime:
    """The deadline a ticket taken now is taken under; refused before the opening and after the end."""
    submission = rulebook.phase("submission")
    closes = submission.closes.instant if submission else None
    if not rulebook.accepts_tickets(now, mend_by):
        if submission is not None and now < submission.opens.instant:
            raise refusals.not_open_yet(now, submission)
        raise refusals.deadline_passed(now, max(filter(None, (closes, mend_by)), default=None))
    holds = submission is not None and submission.holds(now)
    ends = [closes if holds else None, mend_by if mend_by is not None and now < mend_by else None]
    return max(filter(None, ends))


def part_size(size: int) -> int:
    """Bytes of every part but the last: small enough to repeat on a bad line, few enough to list."""
    return (8 if size <= 512 * MIB else 16) * MIB


def is_one_part(ticket: Ticket) -> bool:
    """Whether a file is small enough to come in one piece, by a form too."""
    return ticket.size <= ticket.part_size


def as_part(ticket: Ticket, posted: Whole | None) -> StoredPart | None:
    """What a form sent, as the one part it stands for; None where it is not what the ticket was taken for."""
    if posted is None or posted.size != ticket.size:
        return None
    return StoredPart(1, posted.size, posted.object.etag, posted.modified)


def part_sizes(size: int, part: int) -> dict[int, int]:
    """The exact bytes of each part, by number from 1."""
    return {number: min(part, size - start) for number, start in enumerate(range(0, size, part), 1)}


def one_each(ticket: Ticket, stored: tuple[StoredPart, ...]) -> tuple[StoredPart, ...]:
    """One part for each number: of several, the latest of the right size. Which bytes count, the hash proves later."""
    expected = part_sizes(ticket.size, ticket.part_size)
    ranked = sorted(stored, key=lambda part: (part.size == expected.get(part.number), part.modified or ticket.taken_at))
    return tuple(sorted({part.number: part for part in ranked}.values(), key=lambda part: part.number))


def missing(ticket: Ticket, stored: tuple[StoredPart, ...]) -> dict[int, int]:
    """The parts still to be sent with their bytes; one of a wrong size has to be sent again."""
    have = {part.number: part.size for part in stored}
    return {n: size for n, size in part_sizes(ticket.size, ticket.part_size).items() if have.get(n) != size}


def good(ticket: Ticket, stored: tuple[StoredPart, ...]) -> tuple[StoredPart, ...]:
    """The parts that need not be sent again."""
    expected = part_sizes(ticket.size, ticket.part_size)
    return tuple(part for part in stored if part.size == expected.get(part.number))


def came_whole(ticket: Ticket, stored: tuple[StoredPart, ...]) -> datetime | None:
    """When the last byte came, by the store's clock; None where some are missing or came after the drain time."""
    parts = good(ticket, one_each(ticket, stored))
    if len(parts) < len(part_sizes(ticket.size, ticket.part_size)):
        return None
    last = max(part.modified or ticket.drain_until for part in parts)
    return last if last < ticket.drain_until else None


def require_whole(ticket: Ticket, stored: tuple[StoredPart, ...]) -> None:
    """Refuse unless the store has exactly the bytes the ticket was taken for."""
    expected = part_sizes(ticket.size, ticket.part_size)
    wrong = tuple(part.number for part in stored if part.size != expected.get(part.number))
    absent = tuple(number for number in expected if number not in {part.number for part in stored})
    if wrong:
        raise refusals.size_differs(sum(part.size for part in stored), ticket.size, wrong)
    if absent:
        raise refusals.parts_missing(absent)


def require_completable(ticket: Ticket, now: datetime) -> None:
    """Refuse where a ticket was used, has ended, or is past its drain time.

    What was once asked to complete in time stays in time, however long the store takes to answer.
    """
    require_live(ticket)
    if ticket.completing_at is None and now >= ticket.drain_until:
        raise refusals.ticket_expired(ticket, now)


def require_live(ticket: Ticket) -> None:
    """Refuse where a ticket was used or has ended."""
    if ticket.state == "completed":
        raise refusals.ticket_used(ticket)
    if ticket.state not in LIVE:
        raise refusals.ticket_ended(ticket)


def require_abortable(ticket: Ticket) -> None:
    """Refuse where there is nothing left to abort, or the bytes are just being made one object."""
    if ticket.state == "completing":
        raise refusals.being_completed(ticket)
    require_live(ticket)


def url_lasts(ticket: Ticket, now: datetime, longest: timedelta) -> timedelta:
    """How long URLs for parts are signed for: never far past the drain time."""
    return max(timedelta(minutes=1), min(longest, ticket.drain_until - now))


def due(ticket: Ticket, now: datetime) -> Due | None:
    """What a sweep has to do about a ticket."""
    match ticket.state:
        case "completing":
            stuck = ticket.completing_at is None or now >= ticket.completing_at + STUCK
            return "finish" if stuck else None
        case "open" if now >= ticket.drain_until:
            return "expire"
        case "open":
            return "drop_parts" if ticket.upload and now >= ticket.seen_at + FORGOTTEN else None
        case _:
            return "clean" if ticket.upload else None


def orphaned(uploads: tuple[Unfinished, ...], live: frozenset[str], now: datetime) -> tuple[Unfinished, ...]:
    """Unfinished uploads that are old and belong to no live ticket."""
    return tuple(up for up in uploads if up.upload not in live and now >= up.begun_at + FORGOTTEN)


def _not_mended(entry: Entry, event: EntrySubmitted) -> tuple[TakenBack, ...]:
    """What stays taken back: all but what this submission has newer material for. Ids sort by when they were made."""
    with_ = {each.slot: each.material for each in event.materials}
    return tuple(back for back in entry.taken_back if with_.get(back.slot, back.material) <= back.material)


def _entry(event: EntryOpened | EntrySubmitted) -> Entry:
    return Entry(
        id=event.entry,
        studio=event.studio,
        account=event.account,
        campaign=event.campaign,
        track=event.track,
        title=event.title,
        studio_name=event.studio_name,
        province=event.province,
        city=event.city,
    )


def _entry_of(event: ProvinceApproved | ProvinceReturned, about: EntrySubject) -> Entry:
    return Entry(
        id=about.entry,
        studio=about.studio,
        account=about.account,
        campaign=about.campaign,
        track=about.track,
        title=about.title,
        studio_name=about.studio_name,
        province=event.province,
        city=event.city,
    )
