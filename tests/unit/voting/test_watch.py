"""What trips a signal, and what does not: counted in sliding windows, on times of the test's own."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.ids import BallotId
from contracts.rulebook import SHIPPED, Rulebook, load
from contracts.rulebook.signals import Signals
from services.voting import rules, watch
from services.voting.models import Counts, Handed
from services.voting.watch import Watch, Window
from tests.unit.voting.test_rules import OPENS, entry

BOOK = load(SHIPPED / "cloud-studio-2023.yaml")
TITLE = {"zh": "异常", "en": "Unusual"}
SECOND = timedelta(seconds=1)
MINUTE_MS = 60_000


def watching(**rule: Any) -> Rulebook:
    """The campaign with this one signal."""
    assert BOOK.voting is not None
    signals = Signals.model_validate({"rules": ({"id": "it", "title": TITLE, **rule},)})
    return BOOK.model_copy(update={"voting": BOOK.voting.model_copy(update={"signals": signals})})


class Seeing:
    """A watch, and what it holds."""

    def __init__(self, **rule: Any) -> None:
        self.book, self.watch = watching(**rule), Watch()

    def holds(self, at: timedelta, *, n: int = 1, voter: str = "v", **changes: Any) -> bool:
        """Whether a voter's n-th ballot, so long after the opening, is held."""
        fields = {"entry": "entry-1", "channel": "douyin", "received_at": OPENS + at, **changes}
        handed = Handed(campaign=BOOK.id, voter=voter, own=voter, **fields)
        decision = rules.decide(handed, BallotId("b"), self.book, entry(1, id=handed.entry), [])
        assert isinstance(decision, Counts)
        held = self.watch.seen(rules._ballot(handed, BallotId("b"), self.book, entry(), n, "day"), handed, self.book)
        return held.held == ("it",)


@pytest.mark.parametrize("per", ["device", "address", "channel", "entry"])
def test_ballot_beyond_the_rate_is_held_and_one_of_another_is_not(per: str) -> None:
    seeing = Seeing(kind="rate", per=per, most=3, within=timedelta(minutes=1))
    one: dict[str, Any] = {per: "x"}
    another: dict[str, Any] = {per: "y"}
    assert [seeing.holds(n * SECOND, **one) for n in range(5)] == [False] * 3 + [True] * 2
    assert not seeing.holds(5 * SECOND, **another)


def test_ballots_whose_device_and_address_nobody_named_are_of_no_device() -> None:
    for per in ("device", "address"):
        seeing = Seeing(kind="rate", per=per, most=1, within=timedelta(minutes=1))
        assert not any(seeing.holds(n * SECOND) for n in range(5))


def test_rate_slides_and_never_counts_what_is_older_than_its_span() -> None:
    seeing = Seeing(kind="rate", per="device", most=2, within=timedelta(minutes=1))
    slow = [seeing.holds(n * 31 * SECOND, device="x") for n in range(6)]
    assert slow == [False] * 6
    assert [seeing.holds(at * SECOND, device="x") for at in (200, 220, 240)] == [False, False, True]


@pytest.mark.parametrize(("ids", "held"), [
    ([f"wx-{n:06}" for n in range(7)], 4),
    ([f"user{n}@example.org" for n in range(7)], 4),
    ([f"一号机器人{n}" for n in range(7)], 4),
    ([str(n) for n in range(7)], 4),
    ([f"{n}-wx" for n in range(7)], 4),
    ([f"a{n}b1" for n in range(7)], 0),
    (["abc", "abd", "abe", "abf", "abg"], 0),
    ([f"{n * 7919 % 10**6:06}" for n in range(7)], 0),
])  # fmt: skip
def test_voters_numbered_in_a_row_are_held_beyond_the_third(ids: list[str], held: int) -> None:
    seeing = Seeing(kind="series", most=3, within=timedelta(minutes=10))
    assert [seeing.holds(SECOND, voter=each) for each in ids] == [False] * (len(ids) - held) + [True] * held


def test_series_counts_voters_and_not_their_ballots() -> None:
    seeing = Seeing(kind="series", most=2, within=timedelta(minutes=10))
    assert not any(seeing.holds(n * SECOND, voter="wx-1", n=n) for n in range(1, 9))
    assert [seeing.holds(SECOND, voter=f"wx-{n}") for n in (2, 3)] == [False, True]
    assert seeing.holds(SECOND, voter="wx-1", n=9), "once they are a row, all of it is held"


def test_same_numbers_in_another_channel_are_other_voters() -> None:
    seeing = Seeing(kind="series", most=1, within=timedelta(minutes=10))
    assert [seeing.holds(SECOND, voter=f"wx-{n}", channel=f"c{n}") for n in range(3)] == [False] * 3


def surging(usual_s: float, minutes: int, then: int) -> list[bool]:
    """An entry with a ballot every so often for some minutes, and then many within a second."""
    seeing = Seeing(
        kind="burst", per="entry", least=20, times=5, within=timedelta(minutes=1), over=timedelta(minutes=10)
    )
    start = minutes * MINUTE_MS // 1000
    before = [seeing.holds(timedelta(seconds=n * usual_s)) for n in range(int(start / usual_s))]
    return before + [seeing.holds(timedelta(seconds=start, milliseconds=n)) for n in range(then)]


def test_surge_of_five_times_the_usual_is_held_from_there_on() -> None:
    held = surging(usual_s=6, minutes=8, then=80)  # ten a minute are usual, nine of them within the last
    assert (any(held[:-80]), held.index(True) - (len(held) - 80)) == (False, 41)
    assert all(held[held.index(True) :])


def test_surge_is_no_burst_where_as_many_are_usual() -> None:
    assert not any(surging(usual_s=0.5, minutes=8, then=80))


def test_surge_before_twice_the_span_was_watched_is_no_burst() -> None:
    assert not any(surging(usual_s=6, minutes=1, then=200))


def test_surge_of_less_than_the_least_is_no_burst() -> None:
    assert not any(surging(usual_s=480, minutes=8, then=19))


def test_window_that_sees_many_keys_forgets_the_oldest_and_stays_small() -> None:
    window = Window(timedelta(hours=1), most_keys=1000)
    for n in range(10_000):
        window.add(f"k{n}", n)
        window.add("often", n)
    assert len(window._seen) <= 1101
    assert 500 <= window.add("often", 10_000) <= 10_001
    assert window.seen("k0", 10_000) == 0


def test_window_keeps_nothing_it_does_not_count() -> None:
    window = Window(timedelta(seconds=10))
    for n in range(100):
        window.add(f"k{n}", n * 1000)
    assert len(window._seen) == sum(len(share) for _, share in window._slots) == 10


def test_time_that_goes_back_is_now() -> None:
    window = Window(timedelta(seconds=10))
    assert [window.add("k", at) for at in (50_000, 20_000, 50_000)] == [1, 2, 3]


def test_campaign_without_signals_holds_nothing() -> None:
    seeing = Seeing(kind="rate", per="entry", most=1, within=timedelta(minutes=1))
    assert BOOK.voting is not None
    seeing.book = BOOK.model_copy(update={"voting": BOOK.voting.model_copy(update={"signals": None})})
    assert not any(seeing.holds(SECOND) for _ in range(5))
    assert watch._signals(BOOK.model_copy(update={"voting": None})) == ()
