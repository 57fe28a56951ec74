"""P10, P11 and P18 as a game: ballots handed in on every way, again, at once, at the edge of a window, while processes
die between any two steps, stand still, or lose the line to the stream, and people decide on what was held. A model says
what each answer has to be, and what there is in the end."""

import asyncio
import re
from collections.abc import Coroutine, Iterator, MutableMapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
import structlog
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import APIRouter
from hypothesis import HealthCheck, Phase
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as played

from chassis import crash
from chassis.mongo import connect
from chassis.testing import Issuer, SetClock
from chassis.testing.stream import MemoryStream
from contracts.rulebook import load_all
from services.voting import actions, api, app, box, store
from services.voting.inquiries import api as inquiries_api
from services.voting.rulings import actions as rulings_actions
from services.voting.rulings import api as rulings_api
from services.voting.settings import Settings
from services.voting.store import VotingStore
from services.voting.telling import books
from tests.service.voting.draws import (
    DEATHS,
    EDGES,
    HOUR,
    JITTER,
    LATER,
    VOTERS,
    Drawn,
    Way,
    accounts,
    alike,
    changes,
    drawn,
    either,
    many,
    places,
    steps,
    ways,
)
from tests.service.voting.election import Ask, Do
from tests.service.voting.lives import TAKEN, Line, Unsure, answered_in_turn, kept_whole, passed, recorded
from tests.service.voting.polls import CHANNEL_OF, ENTRIES, LATE, POLLS, settings
from tests.service.voting.precinct import Precinct
from tests.service.voting.stations import Posted

T = TypeVar("T")
SMALL: Any = {
    box: {"GROUP": 3, "REMEMBERED": 2}, books: {"CARRIED": 2, "PAGE": 2, "AGAIN_S": 0.0}, store: {"LOOKED_UP": 1},
    actions: {"AT_ONCE": 3, "POLL_S": 0.05}, rulings_actions: {"PAGE": 2},
}  # fmt: skip
"""What makes common what large numbers make rare."""
EXAMPLES, STEPS = 60, 20


class Game(RuleBasedStateMachine):
    """One vote, from nothing to its closed tally."""

    ground: ClassVar["Ground"]

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock(datetime(2023, 9, 1, tzinfo=UTC))
        self.precinct = self.run(self.ground.precinct(self.clock))
        self.poll = ""
        self.handed: list[tuple[str, Ask]] = []
        self.sent: list[Posted] = []
        self.broken = True

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something; whatever it raises is what this example has shown, and no end is looked for."""
        try:
            return self.ground.runner.run(work)
        except BaseException:
            self.broken = True
            raise

    def asks(self, account: str, ballots: Sequence[Drawn]) -> list[Ask]:
        return [self._ask(account, each) for each in ballots]

    def _ask(self, account: str, ballot: Drawn) -> Ask:
        poll = ballot.poll or self.poll
        person = self.precinct.person(poll, account, VOTERS[ballot.voter])
        said = (f"{poll}-{ballot.entry}", ballot.nonce, ballot.cast_at, ballot.device)
        return Ask(person, ballot.voter, CHANNEL_OF[account], poll, *said)

    def hand_over(self, way: Way, account: str, asks: Sequence[Ask]) -> None:
        """Hand ballots in, where the process dies over it if it is to; of a way for one alone it is the first."""
        self.precinct.apis[way.api].arm(way.dies_at)
        self.precinct.stream.line = way.line
        asks = asks[:1] if way.alone else asks
        if way.bus:
            posted = Posted.of(account, asks, way.alone)
            self.sent.append(posted)
            self.run(self.precinct.deliver(way.api, posted))
            asks = posted.asks
        else:
            self.run(self.precinct.hand_in(way.api, account, asks, way.alone))
        self.handed += [(account, ask) for ask in asks]
        self.precinct.apis[way.api].arm("")
        self.precinct.stream.line = "good"

    @initialize(
        poll=st.sampled_from([*POLLS]), late=st.sampled_from([*JITTER, HOUR, HOUR]), account=accounts, first=many
    )
    def begin(self, poll: str, late: timedelta, account: str, first: list[Drawn]) -> None:
        self.poll = poll
        self.clock.set(POLLS[poll].windows[0][0] + late)
        self.broken = False
        self.hand_in(Way(0), account, first)

    @rule(api=either, poll=st.sampled_from([*POLLS]))
    def approve(self, api: int, poll: str) -> None:
        self.run(self.precinct.approve(api, poll, LATE))

    @rule(way=ways, account=accounts, ballots=many)
    def hand_in(self, way: Way, account: str, ballots: list[Drawn]) -> None:
        self.hand_over(way, account, self.asks(account, ballots))

    @rule(way=ways, which=places, part=st.lists(places, max_size=4))
    def hand_in_again(self, way: Way, which: int, part: list[int]) -> None:
        """Some of what an account handed in before, on any way, under the same nonces."""
        account, first = self.handed[which % len(self.handed)]
        mine = [ask for other, ask in self.handed if other == account]
        self.hand_over(way, account, [first, *(mine[each % len(mine)] for each in part)])

    @precondition(lambda self: self.sent)
    @rule(api=either, which=places, redelivered=st.booleans(), asked=st.booleans())
    def deliver_again(self, api: int, which: int, redelivered: bool, asked: bool) -> None:
        self.run(self.precinct.deliver(api, self.sent[which % len(self.sent)], redelivered, asked))

    @rule(account=accounts, ballots=st.lists(st.tuples(either, drawn), min_size=2, max_size=5))
    def hand_in_at_once(self, account: str, ballots: list[tuple[int, Drawn]]) -> None:
        asks = self.asks(account, alike([ballot for _, ballot in ballots]))
        self.run(self.precinct.at_once(account, list(zip((api for api, _ in ballots), asks, strict=True))))

    @rule(edge=st.integers(0, 1), jitter=st.sampled_from(JITTER), way=ways, account=accounts, ballots=many)
    def hand_in_later(self, edge: int, jitter: timedelta, way: Way, account: str, ballots: list[Drawn]) -> None:
        """At one of the next edges, or about there."""
        ahead = [each for each in EDGES[self.poll] if each > self.clock.now()] or EDGES[self.poll][-1:]
        self.clock.set(max(self.clock.now(), ahead[min(edge, len(ahead) - 1)] + jitter))
        self.hand_in(way, account, ballots)

    @rule(
        edge=st.integers(0, 1), before=st.sampled_from(JITTER[1:3]), after=st.sampled_from(LATER), api=either,
        whole=st.booleans(), alone=st.booleans(), account=accounts, ballots=many,
    )  # fmt: skip
    def deliver_twice_around_an_edge(
        self, edge: int, before: timedelta, after: timedelta, api: int, whole: bool, alone: bool, account: str,
        ballots: list[Drawn],
    ) -> None:  # fmt: skip
        """At two processes at once, to one before and to the other after something changed."""
        ahead = [each for each in EDGES[self.poll] if each + before >= self.clock.now()]
        if ahead:
            at = ahead[min(edge, len(ahead) - 1)]
            self.clock.set(at + before)
            asks = self.asks(account, [each._replace(device=None) for each in ballots])
            posted = Posted.of(account, asks[:1] if alone else asks, alone)
            if posted.key not in {each.key for each in self.sent}:
                self.sent.append(posted)
                self.run(self.precinct.deliver_twice(api, posted, at + after, whole))
                self.handed += [(account, ask) for ask in posted.asks]

    @precondition(lambda self: not self.precinct.stream.moves.is_set())
    @rule()
    def line_moves(self) -> None:
        """What was on its way arrives, whatever became of its sender's lease meanwhile."""
        self.run(self.precinct.carry_on())

    @rule(api=either)
    def stand_still(self, api: int) -> None:
        """For longer than the lease, and notice."""
        self.run(self.precinct.stand_still(api))

    @rule(api=either, account=accounts, ballots=many)
    def stand_still_before_writing(self, api: int, account: str, ballots: list[Drawn]) -> None:
        """For longer than the lease, between looking and writing, while another process seals the book."""
        self.run(self.precinct.sealed_under(api, account, self.asks(account, ballots)))

    @rule(api=either, account=accounts, ballots=many)
    def stand_still_while_sending(self, api: int, account: str, ballots: list[Drawn]) -> None:
        """Until another process has seen to the book, and what was sent arrives."""
        self.hand_in(Way(api, line="slow"), account, ballots)
        self.stand_still(api)
        self.see_to_what_is_owed(1 - api, "", "good")
        self.run(self.precinct.carry_on())

    @rule(api=either, point=st.sampled_from(["", *DEATHS[-3:]]), line=st.sampled_from(["good", *TAKEN]))
    def see_to_what_is_owed(self, api: int, point: str, line: Line) -> None:
        self.precinct.stream.line = line
        self.run(self.precinct.settle_owed(api, point))
        self.precinct.stream.line = line
        self.run(self.precinct.tell_counted(api, point))
        self.precinct.stream.line = "good"

    @rule(api=either, dos=changes, held=st.booleans(), which=st.lists(places, max_size=3), point=steps)
    def decide(self, api: int, dos: Sequence[Do], held: bool, which: list[int], point: str) -> None:
        """Have ballots count, or void them, or one after the other: of those that are held, or of all that were."""
        model = self.precinct.model
        mine = (model.held(self.poll) if held else []) or model.of(self.poll)
        named = list(dict.fromkeys(mine[each % len(mine)] for each in which)) if mine else []
        for do in dos:
            self.run(self.precinct.rule(api, self.poll, do, named, point))

    @rule(way=ways, account=accounts, ballots=many, dos=changes)
    def hand_in_and_decide(self, way: Way, account: str, ballots: list[Drawn], dos: Sequence[Do]) -> None:
        """Somebody looks at what was held a moment ago."""
        self.hand_in(way, account, ballots)
        self.decide(way.api, dos, True, [], "")

    @rule(which=st.sampled_from([(0,), (1,), (0, 1)]), point=steps)
    def count(self, which: tuple[int, ...], point: str) -> None:
        self.run(self.precinct.count(which, point))

    @precondition(lambda self: self.precinct.stream.moves.is_set())
    @rule(api=either)
    def stop_in_order(self, api: int) -> None:
        self.run(self.precinct.stop(api))

    @invariant()
    def no_vote_is_told_twice(self) -> None:
        if not self.broken:
            assert set(self.run(self.precinct.told()).values()) <= {1}

    def teardown(self) -> None:
        try:
            if not self.broken:
                self.run(self.precinct.reckon())
                model = self.precinct.model
                self.ground.votes += len(model.kept())
                self.ground.held += sum(vote.held for vote in model.kept().values())
                self.ground.restored += sum(vote.held and vote.id in model.restored for vote in model.kept().values())
                errors = [line for line in self.ground.lines if line["log_level"] == "error"]
                assert [line for line in errors if line["event"] != "parked"] == []
        finally:
            self.ground.lines.clear()
            self.run(self.precinct.end())


class Ground:
    """What outlives an example: the loop, the database, what every process is told."""

    def __init__(self, runner: asyncio.Runner, told: Settings, lines: list[MutableMapping[str, Any]]) -> None:
        self.runner, self._told, self._issuer, self.lines = runner, told, Issuer(), lines
        self.votes = self.held = self.restored = 0
        self.begun = False

    async def precinct(self, clock: SetClock) -> Precinct:
        """A new one, with nothing in its database."""
        made = Precinct(self._told, self._issuer, clock, Unsure(MemoryStream()))
        names = await made.database.list_collection_names()
        gone = {name: {"_id": re.compile(f"{LATE}$")} if name == "entries" else {} for name in names}
        await asyncio.gather(*(made.database[name].delete_many(which) for name, which in gone.items()))
        if not self.begun:
            self.begun = True
            await made.apis[0].service.ready_database()
            for poll in POLLS:
                for entry in ENTRIES:
                    await made.approve(0, poll, entry)
        made.model.approved = {f"{poll}/{poll}-{entry}" for poll in POLLS for entry in ENTRIES}
        return made


@pytest.fixture
def ground(mongo_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    key = tmp_path / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "polls").mkdir()
    told = settings(mongo_url, f"{prefix}game_", tmp_path / "polls", key)
    for module, numbers in SMALL.items():
        for name, number in numbers.items():
            monkeypatch.setattr(module, name, number)
    monkeypatch.setattr(crash, "point", passed)
    monkeypatch.setattr(VotingStore, "keep", kept_whole)
    monkeypatch.setattr(actions.Voting, "_answer", answered_in_turn)
    books_of, described = load_all(told.rulebooks), api.described()
    monkeypatch.setattr(app, "load_all", lambda _: books_of)  # what every start makes anew, and alike
    for routes in (app, inquiries_api, rulings_api):
        monkeypatch.setattr(routes, "api", lambda *_: APIRouter())
    monkeypatch.setattr(api, "described", lambda: described)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, structlog.testing.capture_logs() as lines:
        runner.get_loop().set_task_factory(recorded)
        database = connect(mongo_url)
        monkeypatch.setattr("chassis.service.connect", lambda _: database)
        yield Ground(runner, told, lines)
        runner.run(database.close())


@pytest.mark.timeout(600)  # what it finds it makes small before it tells
def test_every_answer_is_true_and_every_vote_counts_once_whatever_happens(ground: Ground) -> None:
    class Here(Game):
        pass

    Here.ground = ground
    phases = (Phase.generate,)  # explaining traces every line, for minutes
    played(
        Here,
        settings=how(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert (ground.votes > EXAMPLES * 3, ground.held > EXAMPLES // 4, ground.restored > EXAMPLES // 20) == (True,) * 3
