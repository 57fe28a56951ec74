"""P10: tallies, ballots and votes told are one number, and a closed tally is what a recount gives, byte for byte."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

import jwt
import pytest

from contracts.events.voting import TallyClosed, VoteCast
from services.voting import rules
from services.voting.app import build_tally
from services.voting.models import ClosedTally
from services.voting.settings import Settings
from services.voting.telling import books
from services.voting.telling.store import Shelf
from tests.service.voting.world import BOOK, CLOSES, Vote

AFTER = CLOSES + rules.SETTLED_AFTER


async def cast_some(vote: Vote) -> None:
    """30 ballots of ten voters on three entries, every third handed in twice."""
    await vote.open("bridge", "kite", "rocket")
    cast = [(f"voter-{n % 10}", ("bridge", "kite", "rocket")[n // 10]) for n in range(30)]
    await asyncio.gather(*(vote.cast(*each) for each in cast + cast[::3]))


async def kept(vote: Vote) -> ClosedTally:
    """The closed tally as it is kept."""
    closed = await vote.store.closed(BOOK.id)
    assert closed is not None
    return closed


async def test_tallies_ballots_and_votes_told_are_the_same_number(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    told = Counter(event.entry for event in vote.bus.told_of(VoteCast))
    assert told == {"bridge": 10, "kite": 10, "rocket": 10}
    assert await vote.store.live(BOOK.id) == await vote.store.recount(BOOK.id) == rules.tally(BOOK.id, told.items())
    assert (await vote.shown())["votes"] == await vote.store.count_ballots(BOOK.id) == 30


async def test_every_vote_told_names_a_different_ballot(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    told = [event.ballot for event in vote.bus.told_of(VoteCast)]
    assert len(set(told)) == len(told) == 30


async def test_votes_appended_again_under_their_book_change_no_tally(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    before = await vote.store.live(BOOK.id)
    [book] = [row["_id"] async for row in vote.api.database["books"].find()]
    kept = await Shelf(vote.api.database).ballots(book, 0, 10**6, 100)
    await books.append(vote.bus.stream, book, kept)
    await vote.bus.settle()
    assert (len(kept), await vote.store.live(BOOK.id)) == (30, before)
    assert len(vote.bus.told_of(VoteCast)) == 30


async def test_tally_counted_by_two_processes_at_once_counts_every_vote_once(vote: Vote) -> None:
    await cast_some(vote)
    others = [vote.tallying for _ in range(3)]
    await vote.voting.box.book.brought_on()
    await asyncio.gather(*(other.count() for other in others), return_exceptions=True)
    await vote.bus.settle()
    assert (await vote.shown())["votes"] == 30


async def test_tally_closes_once_when_the_window_is_over_and_everything_is_counted(vote: Vote) -> None:
    await cast_some(vote)
    vote.clock.set(AFTER - timedelta(milliseconds=1))
    await vote.bus.settle()
    assert await vote.tallying.close_ended() == []
    vote.clock.set(AFTER)
    closed = await asyncio.gather(*(vote.tallying.close_ended() for _ in range(3)), return_exceptions=True)
    assert [each for each in closed if each] == [[BOOK.id]]
    await vote.bus.settle()
    signatures = {(await vote.shown())["signature"] for _ in range(2)}
    assert signatures == {vote.tallying.key.sign(rules.statement(await kept(vote)), rules.SIGNED_AS)}
    (event,) = vote.bus.told_of(TallyClosed)
    assert (event.votes, event.at, event.revision) == (30, AFTER, BOOK.revision)
    assert event.digest == rules.digest((await vote.store.recount(BOOK.id)).entries)
    assert await vote.tallying.close_ended() == []


async def test_closed_tally_is_verified_by_anybody_with_the_published_keys(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    assert (await vote.shown())["signature"] is None
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    shown = await vote.shown()
    header = jwt.get_unverified_header(shown["signature"])
    key = jwt.PyJWKSet.from_dict(vote.tallying.key.jwks())[header["kid"]]
    said = json.loads(jwt.PyJWS().decode(shown["signature"], key, algorithms=["EdDSA"]))
    closed = {name: shown[name] for name in ("campaign", "entries", "votes", "digest", "closed_at", "held", "voided")}
    assert (header["typ"], said) == ("zhumeng-tally+jws", {**closed, "revision": BOOK.revision})


async def test_tally_without_a_signing_key_does_not_start(vote: Vote) -> None:
    with pytest.raises(ValueError, match="ZM_SIGNING_KEY_FILE"):
        build_tally(Settings.model_validate(vote.tally.settings.model_dump() | {"signing_key_file": None}))


async def test_tally_stays_open_while_a_vote_is_not_counted_yet(vote: Vote) -> None:
    await cast_some(vote)
    vote.clock.set(AFTER)
    assert await vote.tallying.close_ended() == []
    assert (await vote.shown())["state"] == "counting"
    await vote.bus.settle()
    assert await vote.tallying.close_ended() == [BOOK.id]


async def test_tally_that_disagrees_with_the_ballots_is_not_closed(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    wrong = {"entries.bridge": 1, "entries.kite": -1}
    await vote.tally.database["counts"].update_one({"_id": BOOK.id}, {"$inc": wrong})
    vote.clock.set(AFTER)
    assert await vote.tallying.close_ended() == []


async def test_campaign_nothing_was_approved_in_is_not_closed(vote: Vote) -> None:
    vote.clock.set(AFTER)
    assert await vote.tallying.close_ended() == []


async def test_closed_tally_stays_as_it_was_when_counts_move(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    closed = await vote.shown()
    await vote.tally.database["counts"].update_one({"_id": BOOK.id}, {"$inc": {"entries.bridge": 5}})
    assert await vote.shown() == closed
    assert closed["state"] == "closed"
    assert rules.canonical((await vote.store.recount(BOOK.id)).entries) == rules.canonical(
        (await vote.store.closed(BOOK.id) or await vote.store.live(BOOK.id)).entries
    )


async def test_ballot_after_the_close_is_outside_the_window_and_changes_nothing(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    assert (await vote.cast("late"))["outcome"] == "outside_window"
    assert await vote.store.count_ballots(BOOK.id) == 30


async def test_tally_unchanged_is_answered_304_and_changed_with_a_new_tag(vote: Vote) -> None:
    await vote.open("bridge")
    path = f"/v1/campaigns/{BOOK.id}/tally"
    first = await vote.public.get(path)
    same = await vote.public.get(path, headers={"If-None-Match": f'"another", W/{first.headers["etag"]}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    await vote.cast("wei")
    await vote.bus.settle()
    changed = await vote.public.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["entries"]) == (200, [{"entry": "bridge", "votes": 1}])


async def test_ranking_in_the_last_hours_is_hidden_until_the_tally_is_closed(vote: Vote) -> None:
    await cast_some(vote)
    await vote.bus.settle()
    assert len((await vote.shown())["entries"]) == 3
    vote.clock.set(CLOSES - timedelta(hours=1))
    hidden = await vote.shown()
    assert (hidden["ranking_hidden"], hidden["entries"], hidden["votes"]) == (True, [], 30)
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    assert len((await vote.shown())["entries"]) == 3


async def test_entries_to_vote_on_are_listed_in_pages(vote: Vote) -> None:
    await vote.open("a", "b", "c")
    path = f"/v1/campaigns/{BOOK.id}/entries"
    first = (await vote.public.get(path, params={"limit": 2})).json()
    rest = (await vote.public.get(path, params={"limit": 2, "after": first[-1]["entry"]})).json()
    assert [each["entry"] for each in first + rest] == ["a", "b", "c"]


async def test_campaign_without_a_vote_has_no_tally_and_no_entries(vote: Vote) -> None:
    for path in ("tally", "entries"):
        answer = await vote.public.get(f"/v1/campaigns/no-such-campaign/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "no_public_vote")


async def test_closing_leaves_an_audit_record(vote: Vote) -> None:
    await vote.open("bridge")
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    records = [(row["subject"], row["did"], row["who"]) async for row in vote.tally.records.audit.find()]
    assert records == [(f"campaign/{BOOK.id}", "close_tally", "system")]
