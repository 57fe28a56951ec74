"""P18 on the bus: a ballot counts by when the server took it, by the server's clock alone, whatever its channel says of
the time, however long the decision takes, and whoever is asked again later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.delivery import Message
from contracts.ids import BallotId, EntryId
from contracts.ingress import HandInBallot
from services.voting import intake
from services.voting.models import Counts
from services.voting.store import VotingStore
from tests.service.voting.world import BOOK, CLOSES, OPENS, Vote

MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)
INSIDE = datetime(2023, 9, 10, tzinfo=UTC)
OUTCOMES = {
    OPENS - SECOND: "outside_window", OPENS - MILLISECOND: "outside_window", OPENS: "counted",
    OPENS + MILLISECOND: "counted", CLOSES - SECOND: "counted", CLOSES - MILLISECOND: "counted",
    CLOSES: "outside_window", CLOSES + SECOND: "outside_window",
}  # fmt: skip


def ballot(voter: str, cast_at: datetime | None = None) -> HandInBallot:
    return HandInBallot(campaign=BOOK.id, entry=EntryId("bridge"), voter=voter, cast_at=cast_at)


async def answered(vote: Vote, message_id: str, request: HandInBallot) -> tuple[str, str | None]:
    """The answer to a message, fresh or as it was kept."""
    answer = await vote.bus.hand_in(request, sender="douyin", message_id=message_id)
    said: dict[str, Any] = answer if isinstance(answer, dict) else answer.model_dump()
    return said["outcome"], said["ballot"]


def slowly(vote: Vote, monkeypatch: pytest.MonkeyPatch, until: datetime) -> None:
    """Have the clock go on to an instant while the next ballot is decided on."""
    votable = VotingStore.votable

    async def looked_up(store: VotingStore, entries: Any) -> Any:
        vote.clock.set(until)
        return await votable(store, entries)

    monkeypatch.setattr(VotingStore, "votable", looked_up)


@pytest.mark.parametrize("claimed", [INSIDE, OPENS - SECOND, CLOSES + SECOND, datetime(1970, 1, 1, tzinfo=UTC)])
async def test_ballot_on_the_bus_counts_by_the_servers_clock_whatever_its_channel_says(
    vote: Vote, claimed: datetime
) -> None:
    await vote.open("bridge")
    outcomes = {}
    for at in OUTCOMES:
        vote.clock.set(at)
        request, message_id = ballot(f"voter at {at}", claimed), f"m at {at}"
        body = request.model_dump_json().encode()
        await vote.bus.deliver(Message(message_id, request.topic, body, sender="douyin", at=claimed))
        outcomes[at], _ = await answered(vote, message_id, request)
    assert outcomes == OUTCOMES
    kept = [(row["received_at"], row["cast_at"]) async for row in vote.api.database["ballots"].find().sort("ballot")]
    assert kept == [(at, claimed) for at, outcome in OUTCOMES.items() if outcome == "counted"]


async def test_ballot_on_the_bus_taken_before_the_close_and_decided_after_it_counts(
    vote: Vote, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vote.open("bridge")
    vote.clock.set(CLOSES - MILLISECOND)
    slowly(vote, monkeypatch, CLOSES + SECOND)
    outcome, found = await answered(vote, "m-1", ballot("wei"))
    assert found is not None
    assert (outcome, [each.ballot.received_at for each in await vote.store.kept([BallotId(found)])]) == (
        "counted",
        [CLOSES - MILLISECOND],
    )


async def test_ballot_on_the_bus_taken_before_the_opening_and_decided_after_it_does_not_count(
    vote: Vote, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vote.open("bridge")
    vote.clock.set(OPENS - MILLISECOND)
    slowly(vote, monkeypatch, OPENS + SECOND)
    assert await answered(vote, "m-1", ballot("wei")) == ("outside_window", None)
    assert await vote.store.count_ballots(BOOK.id) == 0


async def test_ballot_on_the_bus_that_counted_is_told_so_after_the_close_by_a_process_that_did_not_take_it(
    vote: Vote,
) -> None:
    """Whoever took it died before it was answered: nothing but the ballot is kept."""
    await vote.open("bridge")
    vote.clock.set(CLOSES - MILLISECOND)
    async with vote.replica() as dead:
        [decision] = await dead.hand_in("douyin", [intake.of_message(ballot("wei"), "m-1")], vote.clock.now())
    assert isinstance(decision, Counts)
    vote.clock.set(CLOSES + SECOND)
    assert await answered(vote, "m-1", ballot("wei")) == ("counted", decision.ballot.id)
    assert await answered(vote, "m-2", ballot("wei")) == ("already_counted", decision.ballot.id)
    assert await answered(vote, "m-3", ballot("li")) == ("outside_window", None)
