"""What results hear."""

from chassis.hearing import Hears
from contracts.events import Event
from contracts.events.voting import TallyClosed
from services.review.results.actions import Results

HEARS: tuple[type[Event], ...] = (TallyClosed,)


def handlers(results: Results) -> Hears:
    """The table of what results are made from."""
    hears = Hears("review")

    @hears(TallyClosed)
    async def tally_closed(event: TallyClosed) -> None:
        await results.keep_tally(event)

    return hears
