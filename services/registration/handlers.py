"""What registration reacts to."""

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.events.review import EntrySubject, ProvinceApproved, ProvinceReturned, StudioSubject
from services.registration.certification.actions import Certification
from services.registration.entries.actions import Entries

HEARS: tuple[type[Event], ...] = (MaterialUploaded, MediaValidated, ProvinceApproved, ProvinceReturned)


def handlers(certification: Certification, entries: Entries) -> Hears:
    """Material for entries, decisions on studios and entries."""
    hears = Hears("registration")

    @hears(MaterialUploaded)
    async def take_upload(event: MaterialUploaded) -> None:
        await entries.take_upload(event)

    @hears(MediaValidated)
    async def take_verdict(event: MediaValidated) -> None:
        await entries.take_verdict(event)

    @hears(ProvinceApproved)
    async def take_approval(event: ProvinceApproved) -> None:
        await decide(event)

    @hears(ProvinceReturned)
    async def take_return(event: ProvinceReturned) -> None:
        await decide(event)

    async def decide(event: ProvinceApproved | ProvinceReturned) -> None:
        match event.about:
            case StudioSubject(studio=studio):
                await certification.decide(studio, event)
            case EntrySubject(entry=entry):
                await entries.decide(entry, event)

    return hears
