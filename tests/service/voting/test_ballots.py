"""One vote once: whatever is repeated, at once or later, over HTTP or the bus, counts one time."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
import structlog

from chassis.identity import ROLES
from chassis.refusal import Unavailable
from chassis.testing import Issuer, client
from contracts.events.voting import VoteCast
from contracts.ids import EntryId
from contracts.ingress import BallotAnswer, BallotAnswers, HandInBallot, HandInBallots
from contracts.rulebook import SHIPPED, Rulebook, dump, load_all
from contracts.rulebook.voting import VoterLimits
from services.voting import box, wording
from services.voting.app import build_api, taking
from services.voting.models import Ballot, BallotIn
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.books import now_s
from tests.service.voting.lives import Unsure
from tests.service.voting.world import BOOK, CLOSES, OPENS, Vote, approved

MILLISECOND = timedelta(milliseconds=1)
MALFORMED: list[dict[str, Any]] = [
    {"voter": ""}, {"voter": "x" * 129}, {"voter": " \u200b "}, {"voter": 7}, {"nonce": ""}, {"cast_at": "yesterday"},
    {"votes": 2},
]  # fmt: skip
NEAR_IDENTICAL = ("Wei-7", "wei-7", " WEI-7 ", "ｗｅｉ－７", "we\u200bi-7")


def message(voter: str, entry: str = "bridge") -> HandInBallot:
    return HandInBallot(campaign=BOOK.id, entry=EntryId(entry), voter=voter)


def ballot(voter: str, entry: str = "bridge", **more: Any) -> BallotIn:
    return BallotIn(BOOK.id, entry, voter, **more)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def on_the_bus(vote: Vote, voter: str, message_id: str, sender: str = "douyin") -> BallotAnswer:
    """Hand a ballot in as a message and wait for the answer, whether it comes fresh or as it was kept."""
    answer = await vote.bus.hand_in(message(voter), sender=sender, message_id=message_id)
    return BallotAnswer.model_validate(answer, from_attributes=True)


async def ballots(vote: Vote) -> int:
    return await vote.store.count_ballots(BOOK.id)


async def test_thousand_near_identical_ballots_at_once_on_two_replicas_give_one_vote(vote: Vote) -> None:
    await vote.open("bridge")
    async with vote.replica() as replica:
        decided = await asyncio.gather(*(
            (vote.voting, replica)[n % 2].hand_in("douyin", [ballot(NEAR_IDENTICAL[n % 5])], vote.clock.now())
            for n in range(1000)
        ))  # fmt: skip
    answers = [wording.answer(decision) for [decision] in decided]
    assert Counter(answer.outcome for answer in answers) == {"counted": 1, "already_counted": 999}
    assert len({answer.ballot for answer in answers}) == 1
    await vote.bus.settle()
    assert (await ballots(vote), len(vote.bus.told_of(VoteCast)), (await vote.shown())["votes"]) == (1, 1, 1)


async def test_fifty_processes_that_know_nothing_of_each_other_give_one_vote(vote: Vote) -> None:
    await vote.open("bridge")
    settings = Settings.model_validate(vote.api.settings.model_dump())
    each = [taking(vote.api, settings) for _ in range(50)]
    decided = await asyncio.gather(*(one.hand_in("douyin", [ballot("wei")], vote.clock.now()) for one in each))
    answers = [wording.answer(decision) for [decision] in decided]
    assert Counter(answer.outcome for answer in answers) == {"counted": 1, "already_counted": 49}
    assert (await ballots(vote), len({answer.ballot for answer in answers})) == (1, 1)


async def test_processes_in_turn_keep_the_limit_of_a_day_exactly(vote: Vote) -> None:
    entries = [f"entry-{n}" for n in range(30)]
    await vote.open(*entries)
    settings = Settings.model_validate(vote.api.settings.model_dump())
    each = [taking(vote.api, settings) for _ in range(3)]
    decided = await asyncio.gather(*(
        each[n % 3].hand_in("douyin", [ballot("wei", entry)], vote.clock.now()) for n, entry in enumerate(entries)
    ))  # fmt: skip
    outcomes = Counter(wording.answer(decision).outcome for [decision] in decided)
    assert outcomes == {"counted": 10, "over_limit": 20}
    assert sorted([row["n"] async for row in vote.api.database["ballots"].find()]) == list(range(1, 11))


async def test_hundred_identical_requests_at_once_are_answered_with_one_vote(vote: Vote) -> None:
    await vote.open("bridge")
    answers = await asyncio.gather(*(vote.cast("wei") for _ in range(100)))
    assert Counter(answer["outcome"] for answer in answers) == {"counted": 1, "already_counted": 99}
    assert {answer["ballot"] for answer in answers} == {each["ballot"] for each in answers[:1]}


async def test_thirty_entries_at_once_by_one_voter_give_the_ten_votes_of_a_day(vote: Vote) -> None:
    entries = [f"entry-{n}" for n in range(30)]
    await vote.open(*entries)
    answers = await asyncio.gather(*(vote.cast("wei", entry) for entry in entries))
    assert Counter(answer["outcome"] for answer in answers) == {"counted": 10, "over_limit": 20}
    assert await ballots(vote) == 10


async def test_ballot_counted_has_a_receipt_that_tells_nothing_of_the_voter(vote: Vote) -> None:
    await vote.open("bridge")
    answer = await vote.cast("wei")
    receipt = (await vote.public.get(f"/v1/votes/{answer['ballot']}")).json()
    assert receipt == {
        "ballot": answer["ballot"], "state": "counted", "campaign": BOOK.id, "entry": "bridge",
        "received_at": "2023-09-10T04:00:00Z",
    }  # fmt: skip


async def test_voter_is_kept_and_told_as_a_pseudonym_only(vote: Vote) -> None:
    await vote.open("bridge")
    await vote.cast("wei-of-lanzhou")
    await vote.bus.settle()
    kept = await vote.api.database["ballots"].find_one({})
    assert "wei-of-lanzhou" not in repr(kept) + vote.bus.told_of(VoteCast)[0].model_dump_json()
    assert len(vote.bus.told_of(VoteCast)[0].voter) == 32


async def test_ballot_at_the_edge_counts_by_the_servers_clock_whatever_the_client_says(vote: Vote) -> None:
    await vote.open("bridge")
    outcomes = {}
    for at in (OPENS - MILLISECOND, OPENS, CLOSES - MILLISECOND, CLOSES):
        vote.clock.set(at)
        outcomes[at] = (await vote.cast(f"voter at {at}", cast_at="2023-09-10T00:00:00Z"))["outcome"]
    assert list(outcomes.values()) == ["outside_window", "counted", "counted", "outside_window"]
    assert await ballots(vote) == 2


async def test_ballot_for_an_entry_whose_approval_was_not_heard_is_not_votable_yet(vote: Vote) -> None:
    assert (await vote.cast("wei"))["outcome"] == "not_votable"
    await vote.open("bridge")
    assert (await vote.cast("wei"))["outcome"] == "counted"


async def test_ballot_for_a_track_without_a_vote_is_not_votable(vote: Vote) -> None:
    await vote.bus.tell(approved("a-case", track="case"))
    await vote.bus.settle()
    assert (await vote.cast("wei", "a-case"))["outcome"] == "not_votable"


async def test_ballot_for_an_unknown_campaign_is_not_votable(vote: Vote) -> None:
    await vote.open("bridge")
    assert (await vote.cast("wei", campaign="no-such-campaign"))["outcome"] == "not_votable"


async def test_ballot_that_is_refused_leaves_a_line_on_both_ways_in_that_names_no_voter(vote: Vote) -> None:
    entries = [f"entry-{n}" for n in range(11)]
    await vote.open(*entries)
    for entry in entries[:10]:
        await vote.cast("wei", entry)
    vote.clock.advance(timedelta(minutes=1))
    with structlog.testing.capture_logs() as lines:
        await vote.cast("wei", "entry-10")
        await vote.cast("wei", "entry-1")
        await vote.cast("wei", "no-such-entry")
        await on_the_bus(vote, "wei", "m-1")
        vote.clock.set(CLOSES)
        late = await vote.cast("fresh", "entry-1")
        await on_the_bus(vote, "fresh", "m-2")
    refused = [line for line in lines if line["event"] == "ballot_refused"]
    assert [(line["channel"], line["entry"], line["outcome"]) for line in refused] == [
        ("douyin-account", "entry-10", "over_limit"), ("douyin-account", "no-such-entry", "not_votable"),
        ("douyin", "bridge", "not_votable"), ("douyin-account", "entry-1", "outside_window"),
        ("douyin", "bridge", "not_votable"),
    ]  # fmt: skip
    assert {line["campaign"] for line in refused} == {BOOK.id}
    assert {key for line in refused for key in line} == {
        "event", "log_level", "campaign", "entry", "channel", "outcome", "ballots",
    }  # fmt: skip
    opens, closes = (at.astimezone(BOOK.zone).isoformat(" ", "minutes") for at in (OPENS, CLOSES))
    assert late["message_zh"] == f"现在不在投票时间内，投票时间为{opens}至{closes}。"


async def test_repeat_under_a_nonce_gets_the_first_answer(vote: Vote) -> None:
    await vote.open("bridge", "kite")
    first = await vote.cast("wei", nonce="n-1")
    assert await vote.cast("wei", nonce="n-1") == first
    assert (await vote.cast("wei"))["outcome"] == "already_counted"
    body = {"campaign": BOOK.id, "entry": "kite", "voter": "wei", "nonce": "n-1"}
    refused = await vote.channel.post("/v1/votes", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "nonce_reused")
    batch = await vote.channel.post("/v1/votes", json=[body])
    assert [answer["outcome"] for answer in batch.json()] == ["nonce_reused"]
    assert await ballots(vote) == 1


async def test_same_nonce_at_once_where_many_votes_are_allowed_counts_once(
    vote: Vote, settings_of: Any, issuer: Issuer, tmp_path: Any
) -> None:
    assert BOOK.voting is not None
    many = {"voting": BOOK.voting.model_copy(update={"limits": VoterLimits(per_day=100)})}
    (tmp_path / f"{BOOK.id}.yaml").write_text(dump(BOOK.model_copy(update=many)))
    await vote.open("bridge")
    service = build_api(settings_of(Settings, rulebooks=tmp_path), vote.clock)
    issuer.admit(service)
    async with client(service, issuer.token("frontend", account="douyin-account")) as channel:
        body = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei", "nonce": "n-1"}
        answers = [r.json() for r in await asyncio.gather(*(channel.post("/v1/votes", json=body) for _ in range(50)))]
        assert {(answer["outcome"], answer["ballot"]) for answer in answers} == {("counted", answers[0]["ballot"])}
        others = await asyncio.gather(*(channel.post("/v1/votes", json=body | {"nonce": f"m-{n}"}) for n in range(30)))
    assert Counter(r.json()["outcome"] for r in others) == {"counted": 30}
    assert await ballots(vote) == 31
    await service.client.close()


async def test_ballot_on_the_bus_is_answered_and_its_repeat_gets_the_same_answer(vote: Vote) -> None:
    await vote.open("bridge")
    first = await on_the_bus(vote, "wei", "m-1")
    assert (first.outcome, await on_the_bus(vote, "wei", "m-1")) == ("counted", first)
    other = await on_the_bus(vote, "WEI", "m-2")
    assert (other.outcome, other.ballot) == ("already_counted", first.ballot)
    assert await ballots(vote) == 1


async def test_ballot_refused_on_the_bus_keeps_its_answer_when_it_comes_again_later(vote: Vote) -> None:
    early = await on_the_bus(vote, "wei", "m-1")
    await vote.open("bridge")
    assert (early.outcome, await on_the_bus(vote, "wei", "m-1")) == ("not_votable", early)
    assert (await on_the_bus(vote, "wei", "m-2")).outcome == "counted"


async def test_ballot_on_the_bus_without_a_named_sender_is_parked(vote: Vote) -> None:
    await vote.open("bridge")
    await vote.bus.hand_in(message("wei"), sender="", message_id="m-1")
    parked = [row["reason"] async for row in vote.api.records.parked.find()]
    assert ["sender_not_named" in reason for reason in parked] == [True]
    assert await ballots(vote) == 0


async def test_voters_of_two_channels_with_one_id_are_two_voters(vote: Vote) -> None:
    await vote.open("bridge")
    await vote.cast("wei")
    assert (await on_the_bus(vote, "wei", "m-1", sender="mini-program")).outcome == "counted"


async def test_accounts_listed_for_one_channel_are_one_channel(vote: Vote, settings_of: Any, issuer: Issuer) -> None:
    await vote.open("bridge")
    service = build_api(settings_of(Settings, channels={"douyin": {"accounts": ["one", "two"]}}), vote.clock)
    issuer.admit(service)
    outcomes = []
    for account in ("one", "two"):
        async with client(service, issuer.token("frontend", account=account)) as channel:
            body = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}
            outcomes.append((await channel.post("/v1/votes", json=body)).json()["outcome"])
    assert outcomes == ["counted", "already_counted"]
    await service.client.close()


async def test_ballot_of_anybody_but_a_frontend_is_denied_and_not_kept(vote: Vote, issuer: Issuer) -> None:
    await vote.open("bridge")
    body = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}
    for role in (role for role in ROLES if role != "frontend"):
        denied = await vote.public.post("/v1/votes", json=body, headers=bearer(issuer.token(role)))
        assert (role, denied.status_code) == (role, 403)
    assert (await vote.public.post("/v1/votes", json=body)).status_code == 401
    assert await ballots(vote) == 0


async def test_malformed_ballot_is_refused_and_not_kept(vote: Vote) -> None:
    await vote.open("bridge")
    for change in MALFORMED:
        body = {"campaign": BOOK.id, "entry": "bridge", "voter": "v"} | change
        refused = await vote.channel.post("/v1/votes", json=body)
        assert (change, refused.status_code) == (change, 422)
    assert await ballots(vote) == 0


async def test_batch_is_answered_ballot_by_ballot_and_the_good_ones_count(vote: Vote) -> None:
    await vote.open("bridge", "kite")
    good = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}
    batch: list[Any] = [
        good, good | {"entry": "kite"}, good, good | {"entry": "none"}, good | {"campaign": "none"},
        good | {"voter": ""}, good | {"votes": 2}, "no ballot", {}, good | {"voter": " \u200b "},
        good | {"voter": "li"},
    ]  # fmt: skip
    response = await vote.channel.post("/v1/votes", json=batch)
    assert (response.status_code, [answer["outcome"] for answer in response.json()]) == (200, [
        "counted", "counted", "already_counted", "not_votable", "not_votable",
        *["malformed"] * 5, "counted",
    ])  # fmt: skip
    assert response.json()[2]["ballot"] == response.json()[0]["ballot"]
    assert await ballots(vote) == 3


async def test_batch_on_the_bus_is_answered_ballot_by_ballot_and_its_repeat_the_same(vote: Vote) -> None:
    await vote.open("bridge")
    good = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}
    batch = HandInBallots.model_validate({"ballots": [good, good | {"voter": 7}, good | {"voter": "li"}]})
    first = await vote.bus.hand_in(batch, sender="douyin", message_id="m-1")
    again = await vote.bus.hand_in(batch, sender="douyin", message_id="m-1")
    answers, repeated = (BallotAnswers.model_validate(each, from_attributes=True) for each in (first, again))
    assert [each.outcome for each in answers.answers] == ["counted", "malformed", "counted"]
    assert (repeated, await ballots(vote)) == (answers, 2)


@pytest.mark.parametrize(("body", "status", "code"), [
    (b'[{"campaign":"\xff"}]', 422, "malformed"), (b"", 422, "malformed"), (b"[]", 422, "malformed"),
    (b"[" + b",".join([b"{}"] * 1001) + b"]", 413, "too_large"), (b'"' + b"x" * (1 << 20) + b'"', 413, "too_large"),
    (b'{"campaign":"c","entry":"e","voter":"' + b"v" * 129 + b'"}', 422, "malformed"),
    (b'{"campaign":"' + b"c" * 65 + b'","entry":"e","voter":"v"}', 422, "malformed"),
])  # fmt: skip
async def test_request_that_cannot_be_read_is_refused_and_says_why(
    vote: Vote, body: bytes, status: int, code: str
) -> None:
    refused = await vote.channel.post("/v1/votes", content=body)
    said = refused.json()
    assert (refused.status_code, said["code"], refused.headers["content-type"]) == (
        status, code, "application/problem+json",
    )  # fmt: skip
    assert said.get("fields") or said.get("most_ballots") or said.get("most_bytes")


async def test_votes_wait_for_a_broker_that_is_away_and_none_is_refused(vote: Vote) -> None:
    await vote.open("bridge")
    vote.bus.stream.away = True
    assert [(await vote.cast(voter))["outcome"] for voter in "abc"] == ["counted"] * 3
    vote.bus.stream.away = False
    await vote.bus.settle()
    assert [event.ballot for event in vote.bus.told_of(VoteCast)] == [
        row["ballot"] async for row in vote.api.database["ballots"].find().sort("ballot")
    ]


async def test_more_votes_than_are_carried_while_an_append_is_slow_are_all_told(
    vote: Vote, monkeypatch: pytest.MonkeyPatch
) -> None:
    await vote.open("bridge")
    monkeypatch.setattr(books, "CARRIED", 2)
    vote.api.stream = stream = Unsure(vote.bus.stream)
    stream.line = "slow"
    for voter in "abcdef":
        await vote.cast(voter)
    stream.moves.set()
    await vote.bus.settle()
    assert len(vote.bus.told_of(VoteCast)) == await ballots(vote) == 6


async def test_ballots_are_told_by_another_process_when_theirs_died_before_it_told_them(vote: Vote) -> None:
    await vote.open("bridge")
    vote.bus.stream.away = True
    dead = taking(vote.api, Settings.model_validate(vote.api.settings.model_dump()))
    await dead.hand_in("douyin", [ballot("a"), ballot("b")], vote.clock.now())
    dead.box.book.give_up()
    vote.bus.stream.away = False
    await vote.api.database["books"].update_many({}, {"$set": {"until": vote.clock.now()}})
    await vote.bus.settle()
    assert len(vote.bus.told_of(VoteCast)) == (await vote.shown())["votes"] == 2


async def test_ballots_kept_after_their_book_was_sealed_are_told_once_too(vote: Vote) -> None:
    await vote.open("bridge")
    await vote.cast("a")
    await vote.bus.settle()
    stopped = vote.voting
    await stopped.hand_in("douyin", [ballot("b")], vote.clock.now())
    await vote.api.database["books"].update_many({}, {"$set": {"until": vote.clock.now()}})
    await vote.bus.settle()  # seals both books
    stopped.box.book._sure_until = now_s() + 5  # as if it had not noticed that it stood still
    kept = stopped.box.book.entered

    async def noticed(ballots: Any) -> None:
        stopped.box.book._sure_until = 0.0
        await kept(ballots)

    stopped.box.book.entered = noticed  # type: ignore[method-assign] # it notices once the ballot is kept
    await stopped.hand_in("douyin", [ballot("c")], vote.clock.now())
    await vote.bus.settle()
    assert len(vote.bus.told_of(VoteCast)) == await ballots(vote) == (await vote.shown())["votes"] == 3


def test_every_shipped_campaign_with_a_vote_limits_its_voters() -> None:
    books: list[Rulebook] = [book for book in load_all(SHIPPED).values() if book.voting]
    assert [book.id for book in books if book.voting and not any(book.voting.limits.model_dump().values())] == []


async def test_ballots_kept_too_late_are_refused_in_time_and_counted_when_handed_in_again(
    vote: Vote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box, "PATIENCE_S", 0.05)
    monkeypatch.setattr(box, "LOOK_S", 0.01)
    await vote.open("bridge")
    held, keep = asyncio.Event(), vote.voting.store.keep

    async def slowly(ballots: Sequence[Ballot]) -> set[int]:
        await held.wait()
        return await keep(ballots)

    vote.voting.box._store.keep = slowly  # type: ignore[method-assign] # a database that does not answer for a while
    first = [vote.voting.hand_in("douyin", [ballot(voter, nonce="n")], vote.clock.now()) for voter in ("a", "b")]
    refused = await asyncio.gather(*first, return_exceptions=True)
    held.set()
    again = [await vote.voting.hand_in("douyin", [ballot(voter, nonce="n")], vote.clock.now()) for voter in ("a", "b")]
    assert [type(each) for each in refused] == [Unavailable, Unavailable]
    assert [wording.answer(decision).outcome for [decision] in again] == ["counted", "counted"]
    assert await ballots(vote) == 2
