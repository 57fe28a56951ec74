"""What a game is played with: ballots as they are written, the ways they are handed in, instants worth trying."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

from hypothesis import strategies as st

from tests.service.voting.lives import TAKEN, Line
from tests.service.voting.polls import ENTRIES, LATE, POLLS

VOTERS = {"wei": "wei", "li": "li", "zhang": "zhang", "wang": "wang", " WEI\u200b": "wei", "ｌｉ": "li", "\u200b": None}
"""As they are written, and whom each names."""
EDGES = {poll.id: sorted({*poll.instants()}) for poll in POLLS.values()}
CLAIMS = [None, *(datetime(year, 9, 10, tzinfo=UTC) for year in (1970, 2023, 2099))]
"""What a channel may say of when it saw a ballot."""
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
LATER = [timedelta(), 1000 * MICROSECOND, SECOND, 5 * SECOND]
"""So long after an edge a message is delivered again while its first delivery goes on, which takes nine at most."""
JITTER = [timedelta(), -MICROSECOND, -1000 * MICROSECOND, 999 * MICROSECOND, 1000 * MICROSECOND, HOUR]
DEATHS = ("received", "begun", "committed", "written", "published", "confirmed", "marked")
DEVICES = ["d-1", "d-1", None]


class Drawn(NamedTuple):
    """A ballot, before it is known who hands it in."""

    poll: str | None
    """None: the one this example is about."""
    entry: str
    voter: str
    nonce: str | None
    cast_at: datetime | None
    device: str | None


BALLOTS = [
    Drawn(poll, entry, voter, nonce, CLAIMS[n % len(CLAIMS)], DEVICES[n % len(DEVICES)])
    for n, (nonce, poll, entry, voter) in enumerate(product(
        (None, "n-1", "n-2"), (None, None, None, None, "once-a-day", "no-such-vote"),
        (*ENTRIES, *ENTRIES, LATE, "never-approved"), (*VOTERS, "wei", "li", "zhang"),
    ))
]  # fmt: skip


def alike(ballots: Sequence[Drawn]) -> list[Drawn]:
    """The same ballots, where of a voter's for one entry, handed in at once, it does not matter which was first."""
    first, nonces = ballots[0], dict[tuple[str | None, ...], str | None]()
    for each in ballots:
        nonces.setdefault((each.poll, each.entry, VOTERS[each.voter]), each.nonce)
    return [
        each._replace(
            cast_at=first.cast_at, device=first.device, nonce=nonces[each.poll, each.entry, VOTERS[each.voter]]
        )
        for each in ballots
    ]


drawn = st.integers(0, len(BALLOTS) - 1).map(BALLOTS.__getitem__)
many = st.lists(drawn, min_size=3, max_size=6)
accounts = st.sampled_from(["douyin-account", "douyin-account", "douyin-account", "page-account", "wechat-account"])
either = st.integers(0, 1)
places = st.integers(0, 99)


class Way(NamedTuple):
    """How ballots are handed in, how their votes fare on the line to the stream, and at which step the process dies."""

    api: int
    alone: bool = False
    bus: bool = False
    line: Line = "good"
    dies_at: str = ""


WAYS = [Way(*each) for each in product(
    (0, 1), (False, False, True), (False, True), ("good", "good", "good", "slow", *TAKEN), ("",) * 14 + DEATHS
)]  # fmt: skip
ways = st.integers(0, len(WAYS) - 1).map(WAYS.__getitem__)
steps = st.sampled_from(["", "begun", "written", "committed"])
"""At which a transaction dies, or none."""
changes = st.sampled_from([("count",), ("void",), ("count", "void"), ("count", "void", "count"), ("void", "count")])
"""What somebody decides, and thinks better of."""
