"""What tells the media worker that material is to be shown."""

from collections.abc import Callable
from typing import Final

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.review import ProvinceApproved
from services.media.intake.entries import Entries

HEARS: Final[tuple[type[Event], ...]] = (ProvinceApproved,)


def add(hears: Hears, entries: Entries, wake: Callable[[], None]) -> None:
    """Queue what an approved entry has to show."""

    @hears(ProvinceApproved)
    async def take_approval(event: ProvinceApproved) -> None:
        await entries.hear_approved(event)
        wake()
