"""What voting hears. The API process takes ballots in, the tally process counts the votes."""

from typing import Final

from chassis.delivery import DELIVERY
from chassis.hearing import Hears
from contracts.events.event import Event
from contracts.events.review import EntrySubject, ProvinceApproved
from contracts.events.voting import VoteCast
from contracts.ingress import HandInBallot, Ingress
from services.voting.actions import Tallying, Voting

HEARS: Final[tuple[type[Event] | type[Ingress], ...]] = (ProvinceApproved, HandInBallot, VoteCast)


def handlers(voting: Voting) -> Hears:
    """The API process's table."""
    hears = Hears("voting")

    @hears(ProvinceApproved)
    async def admit(event: ProvinceApproved) -> None:
        match event.about:
            case EntrySubject() as entry:
                await voting.admit(event, entry)

    @hears(HandInBallot, timeout_s=9, at_once=20)
    async def hand_in(ballot: HandInBallot) -> None:
        delivery = DELIVERY.get()
        sender = delivery.message.sender if delivery else None
        await voting.hand_in_message(sender, ballot)

    return hears


def tally_handlers(tallying: Tallying) -> Hears:
    """The tally process's table."""
    hears = Hears("voting")

    @hears(VoteCast, at_once=8)
    async def count(vote: VoteCast) -> None:
        await tallying.count(vote)

    return hears
