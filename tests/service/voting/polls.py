"""Three public votes with limits of every kind, each as its rulebook and as what of that decides."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from contracts.ids import CampaignId
from contracts.rulebook import Moment, Window, dump
from contracts.rulebook.moment import WRITTEN, instant_of
from contracts.rulebook.signals import Signals
from contracts.rulebook.voting import VoterLimits
from services.voting.settings import Settings
from tests.service.voting.election import Poll
from tests.service.voting.holding import TITLE
from tests.service.voting.world import BOOK

ENTRIES, LATE = ("bridge", "kite", "rocket"), "late"
"""Of every poll: what can be voted on from the beginning, and what is approved later, or never."""
CHANNELS = {"douyin": {"accounts": ["douyin-account"]}, "wechat": {"accounts": ["wechat-account"]}}
CHANNEL_OF = {"douyin-account": "douyin", "wechat-account": "wechat", "page-account": "page-account"}
"""The last is listed for nothing, so it is a channel of its own."""


DAY = timedelta(days=1)


def _poll(
    name: str, zone: str, windows: Sequence[tuple[str, str]], per_device: int | None = None, **limits: int
) -> tuple[Poll, str]:
    """A poll, and the rulebook that lays it down, every moment in UTC."""
    assert BOOK.voting is not None
    written = tuple(Window(opens=Moment(opens), closes=Moment(closes)) for opens, closes in windows)
    change: dict[str, Any] = {
        "windows": written, "limits": VoterLimits.model_validate(limits), "hide_ranking_for_last": timedelta(0),
        "signals": _signals(per_device) if per_device else None,
    }  # fmt: skip
    book = BOOK.model_copy(
        update={"id": CampaignId(name), "time_zone": zone, "voting": BOOK.voting.model_copy(update=change)}
    )
    text = re.sub(WRITTEN.pattern, lambda found: f"{instant_of(found[0]):%Y-%m-%dT%H:%M:%SZ}", dump(book))
    instants = tuple((window.opens.instant, window.closes.instant) for window in written)
    offset = instants[0][0].astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return Poll(name, instants, offset, frozenset({"douyin"}), **limits, per_device=per_device, within=DAY), text


def _signals(per_device: int) -> Signals:
    of_device = {"kind": "rate", "id": "device", "title": TITLE, "per": "device", "most": per_device, "within": DAY}
    return Signals.model_validate({"rules": (of_device,)})


_both = [
    _poll("two-evenings", "Asia/Shanghai", [
        ("2023-09-10T14:00Z", "2023-09-10T18:00Z"), ("2023-09-11T04:00Z", "2023-09-11T16:00Z"),
    ], per_device=1, per_entry=1, per_day=2, per_campaign=3),
    _poll("day-and-night", "Asia/Kathmandu", [("2023-09-10T10:00Z", "2023-09-12T10:00Z")],
        per_device=1, per_entry=2, per_day=3),
    _poll("once-a-day", "America/St_Johns", [("2023-09-10T00:00Z", "2023-09-12T00:00Z")], per_day=1),
]  # fmt: skip
POLLS: Mapping[str, Poll] = {poll.id: poll for poll, _ in _both}


def settings(mongo_url: str, prefix: str, folder: Path, key: Path) -> Settings:
    """What every process is told; the rulebooks are written to a folder."""
    for poll, text in _both:
        (folder / f"{poll.id}.yaml").write_text(text)
    told: dict[str, Any] = {"env": "test", "mongo_url": mongo_url, "mongo_prefix": prefix, "channels": CHANNELS}
    return Settings(**told, rulebooks=folder, signing_key_file=key)
