"""Whoever listens to a tally hears it at once and as it changes, and nobody's listening costs the others anything."""

import asyncio
import json
import resource
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chassis.service import Server
from chassis.testing import Issuer, MemoryBus
from contracts.ids import CampaignId
from services.voting import live, rules
from services.voting.api import look_of
from services.voting.app import build_api
from services.voting.live import EVERY, Live, Seen
from services.voting.settings import Settings
from tests.service.voting.world import BOOK, CLOSES, Vote

AFTER = CLOSES + rules.SETTLED_AFTER
TALLY = f"/v1/campaigns/{BOOK.id}/tally"
PROMPTLY_S = 10
"""Far under the twenty seconds after which a stop cuts what is under way."""


@pytest.fixture
def bus() -> MemoryBus:
    """What is heard here does not depend on how often a message is delivered."""
    return MemoryBus()


class Ear:
    """One listener, over a connection of its own."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer, self._lines = answer, answer.aiter_lines()

    async def event(self) -> dict[str, str]:
        """The next event by its fields, `data` as it is; empty at the end of the stream."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if not line:
                return fields
            name, _, value = line.partition(": ")
            fields[name] = value
        return fields

    async def tally(self) -> Any:
        """The tally the next event holds."""
        return json.loads((await self.event())["data"])


@dataclass(frozen=True)
class House:
    """The API process at a real port, and who listens to it."""

    vote: Vote
    server: Server
    web: httpx.AsyncClient
    ears: AsyncExitStack

    async def listen(self, **headers: str) -> Ear:
        """Begin to listen to the tally."""
        return Ear(await self.ears.enter_async_context(self.web.stream("GET", f"{TALLY}/events", headers=headers)))

    async def later(self) -> None:
        """What is under way is counted, a second goes by, and the process looks again."""
        await self.vote.bus.settle()
        self.vote.clock.advance(EVERY)
        await self.vote.bus.settle()


@pytest.fixture
async def house(vote: Vote) -> AsyncIterator[House]:
    async with at_a_port(vote) as made:
        yield made


@asynccontextmanager
async def at_a_port(vote: Vote) -> AsyncIterator[House]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(vote.api, vote.api.http())
        serving = asyncio.create_task(server.serve([listening]))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30) as web, AsyncExitStack() as ears:
            yield House(vote, server, web, ears)
        server.should_exit = True
        await serving


class Looked:
    """A process's live tallies, with the times it looked at one; a second lasts a moment."""

    def __init__(self, vote: Vote) -> None:
        self._clock, self._look, self.times = vote.clock, look_of(vote.voting), 0
        self.live = Live(self._counted, vote.clock, timedelta(milliseconds=10))

    async def follow(self, known: str | None = None) -> Any:
        """Begin to listen."""
        await self.live.seen(BOOK.id)
        return self.live.follow(BOOK.id, known)

    async def later(self) -> None:
        """The next second has begun, and the process's rounds run as often as they do."""
        self._clock.advance(timedelta(milliseconds=10))
        for _ in range(10):
            await self.live.look_again()

    async def _counted(self, campaign: CampaignId) -> Seen:
        self.times += 1
        return await self._look(campaign)


async def test_listener_hears_the_tally_at_once_then_each_change_and_closed_last(house: House) -> None:
    vote = house.vote
    await vote.open("bridge")
    shown = await vote.public.get(TALLY)
    ear = await house.listen()
    assert ear.answer.headers["content-type"].startswith("text/event-stream")
    first = await ear.event()
    assert (json.loads(first["data"]), first["id"], "event" in first) == (shown.json(), shown.headers["etag"], False)
    await vote.cast("wei")
    await house.later()
    assert (await ear.tally())["entries"] == [{"entry": "bridge", "votes": 1}]
    vote.clock.set(CLOSES - timedelta(hours=1))
    await house.later()
    hidden = await ear.tally()
    assert (hidden["ranking_hidden"], hidden["entries"], hidden["votes"]) == (True, [], 1)
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    await house.later()
    last = await ear.event()
    assert (last["event"], json.loads(last["data"])) == ("closed", await vote.shown())
    assert await ear.event() == {}


async def test_listener_that_comes_again_hears_nothing_it_has(house: House) -> None:
    vote = house.vote
    await vote.open("bridge")
    known = (await vote.public.get(TALLY)).headers["etag"]
    ear = await house.listen(**{"Last-Event-ID": known})
    await vote.cast("wei")
    await house.later()
    assert (await ear.tally())["votes"] == 1


async def test_listener_that_knows_the_closed_tally_is_told_not_to_come_again(house: House) -> None:
    vote = house.vote
    await vote.open("bridge")
    vote.clock.set(AFTER)
    await vote.tallying.close_ended()
    heard = await (await house.listen()).event()
    again = await house.web.get(f"{TALLY}/events", headers={"Last-Event-ID": heard["id"]})
    assert (heard["event"], again.status_code, again.content) == ("closed", 204, b"")


async def test_listener_of_an_unknown_campaign_is_answered_404(house: House) -> None:
    answer = await house.web.get("/v1/campaigns/no-such-campaign/tally/events")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_public_vote")


async def test_listeners_beyond_what_there_is_room_for_are_told_to_come_again_and_ballots_are_taken_all_the_while(
    vote: Vote, monkeypatch: pytest.MonkeyPatch, issuer: Issuer
) -> None:
    monkeypatch.setattr(live, "MOST", 3)
    await vote.open("bridge")
    service = build_api(Settings.model_validate(vote.api.settings.model_dump()), vote.clock)
    service.stream = vote.bus.stream
    issuer.admit(service)
    async with at_a_port(replace(vote, api=service)) as house:
        asked = await asyncio.gather(*(house.listen() for _ in range(20)))
        answered = Counter(ear.answer.status_code for ear in asked)
        assert answered == {200: 3, 503: 17}
        refused = next(ear.answer for ear in asked if ear.answer.status_code == 503)
        said = json.loads(await refused.aread())
        assert (said["code"], said["listeners_at_most"]) == ("too_many_listeners", 3)
        assert refused.headers["retry-after"] == "30"
        assert (await house.web.get(TALLY)).status_code == 200
        ballot = {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}
        headers = {"authorization": f"Bearer {issuer.token('frontend', account='douyin-account')}"}
        assert (await house.web.post("/v1/votes", json=ballot, headers=headers)).json()["outcome"] == "counted"
        await house.ears.aclose()
        async with asyncio.timeout(PROMPTLY_S):
            while (await house.listen()).answer.status_code != 200:  # noqa: ASYNC110 - the server notices by itself
                await asyncio.sleep(0.01)
    await service.client.close()


def test_listeners_never_take_more_than_half_of_the_files_a_process_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for files in (1024, 65536, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))
        found.append(live.room())
    assert found == [512, live.MOST, live.MOST]


async def test_process_told_to_stop_lets_its_listeners_go(house: House) -> None:
    ears = [await house.listen() for _ in range(3)]
    for ear in ears:
        await ear.event()
    house.server.should_exit = True
    async with asyncio.timeout(PROMPTLY_S):
        assert [await ear.event() for ear in ears] == [{}, {}, {}]


async def test_listener_that_goes_away_leaves_nothing_running(house: House) -> None:
    ear = await house.listen()
    await ear.event()
    running = house.server.server_state.tasks
    assert len(running) == 1
    await house.ears.aclose()
    async with asyncio.timeout(PROMPTLY_S):
        await asyncio.gather(*running)


async def test_tally_nobody_listens_to_any_more_is_not_looked_at(vote: Vote) -> None:
    looked = Looked(vote)
    following = await looked.follow()
    await anext(following)
    await looked.later()
    assert looked.times == 2
    await following.aclose()
    await looked.later()
    assert looked.times == 2


async def test_thousand_listeners_cause_one_look_a_second(vote: Vote) -> None:
    await vote.open("bridge")
    looked = Looked(vote)
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen() -> None:
        async for event in await looked.follow():
            heard.put_nowait(event)

    listeners = [asyncio.create_task(listen()) for _ in range(1000)]
    for seconds in range(3):
        same = {await heard.get() for _ in listeners}
        assert (len(same), looked.times) == (1, seconds + 1)
        await vote.cast(f"voter-{seconds}")
        await vote.bus.settle()
        await looked.later()
    looked.live.end()
    await asyncio.gather(*listeners)


async def test_listener_is_told_that_the_connection_lives_while_nothing_changes(
    vote: Vote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.01)
    looked = Looked(vote)
    following = await looked.follow((await looked.live.seen(BOOK.id)).etag)
    assert [await anext(following), await anext(following)] == [b": ping\n\n"] * 2
    await following.aclose()
