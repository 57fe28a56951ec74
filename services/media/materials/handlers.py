"""What the media worker hears."""

from collections.abc import Callable
from typing import Final

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.media import MaterialUploaded
from services.media.materials.checking import Checking

HEARS: Final[tuple[type[Event], ...]] = (MaterialUploaded,)


def handlers(checking: Checking, wake: Callable[[], None]) -> Hears:
    """What came in is queued, and the queue is looked at."""
    hears = Hears("media")

    @hears(MaterialUploaded)
    async def take_in(event: MaterialUploaded) -> None:
        await checking.take_in(event)
        wake()

    return hears
