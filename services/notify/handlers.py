"""What notify hears: everything that somebody has to be told."""

from typing import Final

from chassis.delivery import DELIVERY
from chassis.hearing import Hears
from contracts.events.event import Event
from contracts.events.media import MediaValidated
from contracts.events.registration import AccountOpened, EntrySubmitted, StudioRegistered
from contracts.events.review import AwardGranted, ProvinceApproved, ProvinceReturned, ResultsPublished
from services.notify.actions import Notify

HEARS: Final[tuple[type[Event], ...]] = (
    AccountOpened,
    StudioRegistered,
    EntrySubmitted,
    MediaValidated,
    ProvinceApproved,
    ProvinceReturned,
    AwardGranted,
    ResultsPublished,
)


def handlers(notify: Notify) -> Hears:
    """One reaction to all of them: what to say to whom is data and rules."""
    hears = Hears("notify")

    async def tell(event: Event) -> None:
        delivery = DELIVERY.get()
        assert delivery is not None, "a notice is told because of a delivery"
        await notify.tell(event, delivery.message.id)

    for kind in HEARS:
        hears(kind, at_once=4)(tell)
    return hears
