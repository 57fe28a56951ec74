"""What the media API hears: what becomes of entries."""

from typing import Final

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.registration import EntryOpened, EntrySubmitted
from contracts.events.review import ProvinceReturned
from services.media.intake.entries import Entries

HEARS: Final[tuple[type[Event], ...]] = (EntryOpened, EntrySubmitted, ProvinceReturned)


def handlers(entries: Entries) -> Hears:
    """Each event keeps the read model of entries up to date."""
    hears = Hears("media")
    hears(EntryOpened)(entries.hear_opened)
    hears(EntrySubmitted)(entries.hear_submitted)
    hears(ProvinceReturned)(entries.hear_returned)
    return hears
