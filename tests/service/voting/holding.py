"""Signals that a few ballots trip, ballots that trip them, and decisions on what is held."""

from collections import Counter
from datetime import timedelta
from typing import Any

import httpx

from contracts.events.voting import BallotsVoided, VoteCast, VotesRestored
from contracts.ids import EntryId
from contracts.rulebook.signals import Signals
from tests.service.voting.world import BOOK, Vote, somebody

TITLE = {"zh": "异常", "en": "Unusual"}
SIGNALS = Signals.model_validate({
    "decide_within": "48h",
    "rules": (
        {"kind": "rate", "id": "device", "title": TITLE, "per": "device", "most": 2, "within": timedelta(hours=1)},
        {"kind": "rate", "id": "address", "title": TITLE, "per": "address", "most": 3, "within": timedelta(hours=1)},
        {"kind": "rate", "id": "entry", "title": TITLE, "per": "entry", "most": 9, "within": timedelta(hours=1)},
        {"kind": "rate", "id": "channel", "title": TITLE, "per": "channel", "most": 20, "within": timedelta(hours=1)},
        {"kind": "series", "id": "series", "title": TITLE, "most": 2, "within": timedelta(hours=1)},
    ),
})  # fmt: skip
AT = f"/v1/campaigns/{BOOK.id}"


async def farm(vote: Vote, ballots: int, entry: str = "bridge", device: str = "d") -> list[dict[str, Any]]:
    """Ballots of one device, each another voter's; the first two count."""
    return [await vote.cast(somebody(hash(device) + n), entry, device=device) for n in range(ballots)]


async def rule(admin: httpx.AsyncClient, ruling_id: str, do: str, **asked: Any) -> dict[str, Any]:
    body = {"do": do, "reason": "经核查", **asked}
    answer = await admin.put(f"{AT}/rulings/{ruling_id}", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def state(vote: Vote, ballot: str) -> str:
    return str((await vote.public.get(f"/v1/votes/{ballot}")).json()["state"])


async def standing(vote: Vote) -> dict[EntryId, int]:
    """Votes by entry, once it was seen that the stream, the tally and the ballots say the same."""
    await vote.bus.settle()
    told: Counter[str] = Counter({each.ballot: 1 for each in vote.bus.told_of(VoteCast)})
    assert len(vote.bus.told_of(VoteCast)) == len(told), "every vote is in the stream once"
    entries: dict[str, EntryId] = {event.ballot: event.entry for event in vote.bus.told_of(VoteCast)}
    for event in vote.bus.told:
        if isinstance(event, BallotsVoided | VotesRestored):
            more = -1 if isinstance(event, BallotsVoided) else 1
            told.update({each.ballot: more for each in event.ballots if each.vote})
    followed: Counter[EntryId] = Counter()
    for ballot, votes in told.items():
        followed[entries[ballot]] += votes
    live = {each.entry: each.votes for each in (await vote.store.live(BOOK.id)).entries}
    assert await vote.store.live(BOOK.id) == await vote.store.recount(BOOK.id)
    assert live == {entry: votes for entry, votes in followed.items() if votes}
    assert (await vote.shown())["votes"] == sum(live.values())
    return live
