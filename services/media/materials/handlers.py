"""What the media worker hears."""

from datetime import timedelta
from typing import Final

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.media import MaterialUploaded
from services.media.materials.actions import Materials

HEARS: Final[tuple[type[Event], ...]] = (MaterialUploaded,)
AT_ONCE: Final = 2
"""Packages one worker checks at a time; to check more, run more workers."""


def handlers(materials: Materials, within: timedelta) -> Hears:
    """The worker's one reaction."""
    hears = Hears("media")

    @hears(MaterialUploaded, timeout_s=within.total_seconds(), at_once=AT_ONCE)
    async def inspect(event: MaterialUploaded) -> None:
        await materials.inspect(event)

    return hears
