"""Where a vote is held in a test: two processes that take ballots in and two that count, on one database and one
stream; and the model that says what they have to do."""

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pymongo.asynchronous.database import AsyncDatabase

from chassis.delivery import Message
from chassis.hearing import Again
from chassis.ids import new_id
from chassis.mongo import Document
from chassis.streams import attributes, body
from chassis.testing import Issuer, SetClock
from contracts.events.review import ProvinceApproved
from contracts.events.voting import BallotsVoided, VoteCast, VotesRestored
from contracts.ids import CampaignId, EntryId
from services.voting import pseudonyms, rules
from services.voting.settings import Settings
from tests.service.voting.election import Answer, Ask, Do, Election, Vote
from tests.service.voting.lives import Unsure
from tests.service.voting.polls import CHANNEL_OF, CHANNELS, POLLS
from tests.service.voting.stations import Api, Count, Posted, answers_of, heard_twice
from tests.service.voting.world import approved

EPOCH = datetime.fromtimestamp(0, UTC)
PARKED = ("malformed", "nonce_reused")
"""A message whose one ballot is answered so is parked."""


class Precinct:
    """The processes of one vote, and what they must have done."""

    def __init__(self, told: Settings, issuer: Issuer, clock: SetClock, stream: Unsure) -> None:
        self._settings, self._issuer, self.clock, self.stream = told, issuer, clock, stream
        self.model = Election(POLLS, frozenset(CHANNELS))
        self.apis, self.counts = [self._api(), self._api()], [self._count(), self._count()]
        self.tokens = {account: issuer.token("frontend", account=account) for account in CHANNEL_OF}
        self.answered: dict[str, list[Answer]] = {}
        """Messages whose answers are known, by what the inbox knows them by."""
        self.received: dict[str, datetime] = {}
        """When messages were first received, of those that came near an edge."""
        self.rulings = 0
        self._read = 0
        self._told = Counter[str]()

    def _api(self) -> Api:
        return Api(self._settings, self.clock, self.stream, self._issuer)

    def _count(self) -> Count:
        return Count(self._settings, self.clock, self.stream)

    @property
    def database(self) -> AsyncDatabase[Document]:
        return self.apis[0].service.database

    def person(self, campaign: str, account: str, voter: str | None) -> str | None:
        """The voter in the campaign as ballots name it."""
        key = self._settings.voter_key.get_secret_value().encode()
        return None if voter is None else f"{campaign}/{pseudonyms.of_voter(key, CHANNEL_OF[account], voter)}"

    async def approve(self, api: int, campaign: str, entry: str) -> None:
        """Let an entry be voted on."""
        told = approved(f"{campaign}-{entry}", campaign=campaign)
        message = Message(new_id(), told.topic, told.model_dump_json().encode(), told.subject)
        await self.apis[api].hear(ProvinceApproved, message)
        self.model.approved.add(f"{campaign}/{campaign}-{entry}")

    async def hand_in(self, api: int, account: str, asks: Sequence[Ask], alone: bool) -> None:
        """A request, and what became of it, also where the process died over it."""
        life, at = self.apis[api], self.clock.now()
        answers = await life.does(life.over_http(self.tokens[account], asks, alone))
        await self._note(api, asks, answers, at)

    async def deliver(self, api: int, posted: Posted, redelivered: bool = False, asked: bool = True) -> None:
        """A delivery of a message, the same."""
        life, now = self.apis[api], self.clock.now()
        message = replace(posted.message, redelivered=redelivered, reply_to=posted.message.id if asked else None)
        known = self.answered.get(posted.key) or await self._from_inbox(posted)
        answers, at = await life.does(life.hear(posted.kind, message)), await self._received_at(posted, now)
        if isinstance(answers, Again):
            assert self.model.holds_back(posted.asks, at, now), f"{posted} is to come again at {now}"
            return
        if known is not None:
            assert answers in (known, None), f"{posted} was answered {known} before, and now {answers}"
        else:
            await self._note(api, posted.asks, answers, at)
        if answers and not (posted.alone and answers[0].outcome in PARKED):
            self.answered[posted.key] = answers
        if self.apis[api].dead.is_set():
            await self.restart(api)

    async def _received_at(self, posted: Posted, now: datetime) -> datetime:
        """When a message that was delivered now was received, as far as the process came to look."""
        row = await self.database.received.find_one({"_id": posted.key})
        if row is None or not self.model.is_near(posted.asks, now):
            return now
        first, whole = self.received.get(posted.key), rules.in_milliseconds(now)
        expected = first if first is not None and now - first < rules.SETTLED_AFTER else whole
        assert row["at"] in (first, expected), f"{posted} was received {row['at']}, not {expected}"
        self.received[posted.key] = row["at"]
        return expected

    async def deliver_twice(self, api: int, posted: Posted, later: datetime, whole: bool) -> None:
        """A delivery of a message nobody has had, and another at the other process at a later time, at once."""
        now = self.clock.now()
        answers, second = await heard_twice(
            self.apis[api], self.apis[1 - api], posted, lambda: self.clock.set(later), whole
        )
        if second is not None:
            back = self.model.holds_back(posted.asks, now, later)
            assert isinstance(second, Again) == back, f"{posted} at {now} and {later}: {second}"
            assert back or second == answers, f"{posted} at {now} and {later} was answered {answers}, and {second}"
        await self.apis[1 - api].does(self.apis[1 - api].carries_on(self.stream))
        await self._note(api, posted.asks, answers, await self._received_at(posted, now))
        if not (posted.alone and answers[0].outcome in PARKED):
            self.answered[posted.key] = answers

    async def _from_inbox(self, posted: Posted) -> list[Answer] | None:
        """What a process that died over a message answered without being heard."""
        row = await self.apis[0].service.records.inbox.find_one({"_id": posted.key})
        found = None if row is None else answers_of(row["answer"])
        assert {answer.ballot for answer in found or () if answer.ballot} <= self.model.kept().keys()
        return found

    async def _note(self, api: int, asks: Sequence[Ask], answers: Sequence[Answer] | None, at: datetime) -> None:
        life = self.apis[api]
        await life.does(life.carries_on(self.stream))
        if answers is not None:
            self._hold([(life, ask, answer) for ask, answer in zip(asks, answers, strict=True)], at)
        if life.dead.is_set():
            await self.restart(api)
        if answers is None:
            self.model.learn(asks, at, await self._unknown())

    def _hold(self, answered: Sequence[tuple[Api, Ask, Answer]], at: datetime, at_once: bool = False) -> None:
        """Hold answers against the model, and what became of new ballots against what each process saw of devices."""
        known = set(self.model.kept())
        self.model.hold([(ask, answer) for _, ask, answer in answered], at, at_once)
        seen: dict[tuple[Api, tuple[str, str, str]], list[Answer | None]] = defaultdict(list)
        kept_by: dict[str | None, set[Api]] = defaultdict(set)  # or, of several, by one of them
        for life, _, answer in answered:
            kept_by[answer.ballot].add(life)
        for life, ask, answer in answered:
            new = answer.ballot not in {None, *known} and len(kept_by[answer.ballot]) == 1  # of equal ones the first is
            known |= {answer.ballot or ""}
            if ask.device is not None and self.model.watches(ask):
                seen[life, (ask.campaign, ask.channel, ask.device)].append(answer if new else None)
        for (life, device), answers in seen.items():
            often = len(answers) * (len(answered) if at_once else 2)  # a number can be taken by the other process
            life.watched.hold(POLLS[device[0]], device, [each for each in answers if each], often, at)

    async def _unknown(self) -> dict[str, list[Vote]]:
        """Ballots in the store the model does not know, by voter."""
        known, found = self.model.kept(), dict[str, list[Vote]]()
        async for row in self.database.ballots.find().sort([("voter", 1), ("n", 1)]):
            if row["ballot"] not in known:
                found.setdefault(row["_id"].rpartition("/")[0], []).append(_kept(row))
        return found

    async def restart(self, api: int) -> None:
        """Start a process again; what the dead one held is held until its lease has run out."""
        await self.apis[api].end()
        self.apis[api] = self._api()

    async def carry_on(self) -> None:
        """What is on its way into the stream arrives."""
        self.stream.moves.set()
        for life in self.apis:
            await life.does(life.carries_on(self.stream))

    async def at_once(self, account: str, asked: Sequence[tuple[int, Ask]]) -> None:
        """Requests of one ballot each, at processes, at the same time."""
        at, token = self.clock.now(), self.tokens[account]
        begun = [(self.apis[api], ask) for api, ask in asked]
        answers = await asyncio.gather(*(life.does(life.over_http(token, [ask], True)) for life, ask in begun))
        each = [(life, ask, answer[0]) for (life, ask), answer in zip(begun, answers, strict=True) if answer]
        self._hold(each, at, at_once=True)

    async def sealed_under(self, api: int, account: str, asks: Sequence[Ask]) -> None:
        """A request over which the process stands still, about to write, until its book is sealed by the other."""
        life = self.apis[api]

        async def pause() -> None:
            await self.stand_still(api)
            await self.settle_owed(1 - api)

        life.pause = pause
        await self.hand_in(api, account, asks, alone=False)
        life.pause = None

    async def stand_still(self, api: int) -> None:
        """For longer than a lease, and notice."""
        book = self.apis[api].book
        book._sure_until = 0.0
        await self._run_out({"_id": book._name})

    async def settle_owed(self, api: int, point: str = "") -> None:
        """See to what nobody holds: what the dead left, and what is due for another look."""
        life = self.apis[api]
        life.arm(point)
        await self._run_out({"_id": {"$nin": [alive.book._name for alive in self.apis]}})
        with contextlib.suppress(ConnectionError):  # which the process waits out
            await life.does(life.settles_owed())
        life.arm("")
        if life.dead.is_set():
            await self.restart(api)

    async def rule(self, api: int, campaign: str, do: Do, ballots: Sequence[str], point: str) -> None:
        """Somebody decides on ballots, or on all that are held; and asks another process where the first dies over it,
        which carries it out to its end."""
        life, name = self.apis[api], f"r-{self.rulings}"
        self.rulings += 1
        held = self.model.held(campaign)
        life.arm(point)
        await life.does(life.rules(campaign, name, do, ballots))
        life.arm("")
        if life.dead.is_set():
            await self.restart(api)
        other = self.apis[1 - api]
        await other.rules(campaign, name, do, ballots)
        while await other.rulings.carry_on():
            pass
        self.model.decide(do, ballots or held)

    async def tell_counted(self, api: int, point: str) -> None:
        """Bring held ballots that count by now into the stream."""
        life = self.apis[api]
        life.arm(point)
        with contextlib.suppress(ConnectionError):  # which the process waits out
            await life.does(life.rulings.tell_counted())
        life.arm("")
        if life.dead.is_set():
            await self.restart(api)

    async def count(self, which: Sequence[int], point: str) -> None:
        """A round of counting, of one process or of both at once, also where the first of them dies over it."""
        self.counts[which[0]].arm(point)
        await asyncio.gather(*(life.does(life.tallying.count()) for life in [self.counts[each] for each in which]))
        self.counts[which[0]].arm("")
        if self.counts[which[0]].dead.is_set():
            await self.counts[which[0]].end()
            self.counts[which[0]] = self._count()
        await self._look_at_counts()

    async def _look_at_counts(self) -> None:
        for campaign in map(CampaignId, POLLS):
            live = await self.counts[0].tallying.store.live(campaign)
            assert Counter({each.entry: each.votes for each in live.entries}) <= self.model.tally(campaign)

    async def stop(self, api: int) -> None:
        """Stop in good order, and start again."""
        life = self.apis[api]
        for close in life.service.closing:
            await life.does(close())  # type: ignore[arg-type] # it is a coroutine
        await self.restart(api)

    async def _run_out(self, which: Document) -> None:
        """Let time pass in which leases run out, and sealed books are due for another look."""
        await self.database.books.update_many(which, {"$set": {"until": EPOCH, "look_at": EPOCH}})

    async def told(self) -> Counter[str]:
        """Ids of the votes in the stream, with how often each is there, seen to say of each what is so."""
        votes = self.model.kept()
        while more := await self.stream.poll(self._read, 0.0):
            self._read = more[-1].offset + 1
            for entry in more:
                cast = VoteCast.model_validate_json(body(entry.message))
                vote = votes[cast.ballot]
                assert (cast.entry, cast.at, cast.channel) == (vote.entry, vote.at, vote.channel)
                self._told[attributes(entry.message)["ce-id"]] += 1
        return self._told

    async def reckon(self) -> None:
        """Kill everything, let new processes see to what is owed and count: what there is, is what the model says."""
        await self.carry_on()
        await self.end()
        left, tallying = self._api(), self._count().tallying
        for _ in range(2):
            await self._run_out({})
            while await left.settles_owed():
                pass
        while await left.rulings.tell_counted():
            pass
        while await tallying.count():
            pass
        rows = await self.database.ballots.find().to_list()
        assert {row["ballot"]: _kept(row) for row in rows} == self.model.kept()
        assert sorted(row["_id"] for row in rows) == self.model.numbered()
        states = {row["ballot"]: row.get("state", "counted") for row in rows}
        assert states == {ballot: self.model.state(vote) for ballot, vote in self.model.kept().items()}
        told = await self.told()
        assert (told.keys() ^ self.model.told(), set(told.values()) - {1}) == (set(), set())
        taken_back = {ballot for ballot in self.model.told() if states[ballot] == "voided"}
        assert await self._taken_back() == Counter(taken_back)
        for campaign in map(CampaignId, POLLS):
            tally = rules.tally(campaign, [(EntryId(entry), n) for entry, n in self.model.tally(campaign).items()])
            assert await tallying.store.live(campaign) == await tallying.store.recount(campaign) == tally

    async def _taken_back(self) -> Counter[str]:
        """Votes that are void, by what was told of rulings."""
        left = Counter[str]()
        ruled = {BallotsVoided.topic: 1, VotesRestored.topic: -1}
        async for row in self.apis[0].service.records.outbox.find({"topic": {"$in": [*ruled]}}):
            ballots = json.loads(row["body"])["ballots"]
            left.update({each["ballot"]: ruled[row["topic"]] for each in ballots if each["vote"]})
        return left

    async def end(self) -> None:
        """Nothing of it runs on."""
        for life in (*self.apis, *self.counts):
            await life.end()


def _kept(row: Document) -> Vote:
    held = "held" in row
    return Vote(
        row["ballot"], row["entry"], row.get("nonce"), row["received_at"], row["channel"], row.get("cast_at"), held
    )
