"""What screening hears."""

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.media import MediaValidated
from contracts.events.registration import EntrySubmitted, StudioRegistered
from services.review.screening.actions import Screening

HEARS: tuple[type[Event], ...] = (StudioRegistered, EntrySubmitted, MediaValidated)


def handlers(screening: Screening) -> Hears:
    """The table of what fills the provinces' queue."""
    hears = Hears("review")

    @hears(StudioRegistered)
    async def studio_registered(event: StudioRegistered) -> None:
        await screening.take_in_studio(event)

    @hears(EntrySubmitted)
    async def entry_submitted(event: EntrySubmitted) -> None:
        await screening.take_in_entry(event)

    @hears(MediaValidated)
    async def media_validated(event: MediaValidated) -> None:
        await screening.note_check(event)

    return hears
