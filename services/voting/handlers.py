"""What voting hears: approvals, and ballots from channels."""

from typing import Final

from chassis.delivery import DELIVERY
from chassis.hearing import Hears
from contracts.events.event import Event
from contracts.events.review import EntrySubject, ProvinceApproved
from contracts.ingress import HandInBallot, HandInBallots, Ingress
from services.voting import intake
from services.voting.actions import Voting

HEARS: Final[tuple[type[Event] | type[Ingress], ...]] = (ProvinceApproved, HandInBallot, HandInBallots)


def handlers(voting: Voting) -> Hears:
    """The API process's table."""
    hears = Hears("voting")

    @hears(ProvinceApproved)
    async def admit(event: ProvinceApproved) -> None:
        match event.about:
            case EntrySubject() as entry:
                await voting.admit(event, entry)

    @hears(HandInBallot, timeout_s=9, at_once=40)
    async def hand_in(ballot: HandInBallot) -> None:
        sender, message_id, key = _origin()
        await voting.hand_in_message(sender, key, intake.of_message(ballot, message_id))

    @hears(HandInBallots, timeout_s=9, at_once=10)
    async def hand_in_batch(batch: HandInBallots) -> None:
        sender, message_id, key = _origin()
        await voting.hand_in_messages(sender, key, intake.of_batch(batch, message_id))

    return hears


def _origin() -> tuple[str | None, str, str]:
    """Who sent the message that is being handled, its id, and what names it among those of all senders."""
    delivery = DELIVERY.get()
    return (delivery.message.sender, delivery.message.id, delivery.key) if delivery else (None, "", "")
