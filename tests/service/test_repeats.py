"""A message handled twice at the same time has one effect, and whoever asked twice is answered twice."""

import asyncio

from chassis.clock import SystemClock
from chassis.delivery import Message
from chassis.hearing import Done
from chassis.service import Service
from chassis.settings import ServiceSettings
from chassis.transaction import Transaction
from contracts.ids import BallotId, CampaignId, EntryId
from contracts.ingress import BallotAnswer, HandInBallot
from tests.service.conftest import SettingsOf

ANSWER = BallotAnswer(outcome="counted", ballot=BallotId("b"), message_zh="投票成功。", message_en="Counted.")


async def test_message_that_comes_twice_at_once_is_answered_both_times(settings_of: SettingsOf) -> None:
    service = Service("voting", settings_of(ServiceSettings), SystemClock())
    await service.ready_database()
    both_began = asyncio.Barrier(2)

    @service.hears(HandInBallot)
    async def hand_in(_: HandInBallot) -> None:
        await both_began.wait()

        async def answer(transaction: Transaction) -> None:
            transaction.answer(ANSWER)

        await service.transactions.run(answer)

    ballot = HandInBallot(campaign=CampaignId("c"), entry=EntryId("e"), voter="v")
    message = Message("nonce", HandInBallot.topic, ballot.model_dump_json().encode(), reply_to="asker")
    outcomes = await asyncio.gather(*(service.reception.receive(service.hears.hearers[0], message) for _ in range(2)))
    answers = [
        BallotAnswer.model_validate(one.answer, from_attributes=True) for one in outcomes if isinstance(one, Done)
    ]
    assert answers == [ANSWER, ANSWER]
    assert await service.records.inbox.count_documents({}) == 1
