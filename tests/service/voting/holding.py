"""Signals that a few ballots trip, ballots that trip them, and decisions on what is held."""

from datetime import timedelta
from typing import Any

import httpx

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
