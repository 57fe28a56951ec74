"""The token bucket: what was granted passes, and not one ballot more."""

import math

from hypothesis import example, given
from hypothesis import strategies as st

from services.voting.pace import Bucket

RATES = st.floats(min_value=0.01, max_value=1e6)


def test_bucket_full_at_first_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(per_s=10, most=1000, now_s=500.0)
    assert [bucket.take(1000, 500.0), bucket.take(4, 500.0), bucket.take(4, 500.25)] == [0, 0.4, 0.15]
    assert [bucket.take(5, 500.5), bucket.take(10, 501.5), bucket.take(1, 501.5)] == [0, 0, 0.1]


def test_bucket_refusing_takes_nothing() -> None:
    bucket = Bucket(per_s=10, most=1000, now_s=0.0)
    assert [bucket.take(999, 0.0), bucket.take(5, 0.0), bucket.take(1, 0.0)] == [0, 0.4, 0]


def test_bucket_holds_no_more_than_its_burst_however_long_nobody_came() -> None:
    bucket = Bucket(per_s=10, most=1000, now_s=0.0)
    assert [bucket.take(1000, 1e6), bucket.take(10, 1e6)] == [0, 1.0]


@given(RATES, st.lists(st.tuples(st.integers(1, 1000), st.floats(min_value=0, max_value=10)), max_size=50))
def test_bucket_never_gives_more_than_burst_and_rate(per_s: float, asked: list[tuple[int, float]]) -> None:
    bucket, now_s, given_out = Bucket(per_s, 1000, 0.0), 0.0, 0
    for ballots, pause_s in asked:
        now_s += pause_s
        given_out += 0 if bucket.take(ballots, now_s) else ballots
    assert given_out <= 1000 + per_s * now_s + 0.01


@given(RATES, st.integers(1, 1000), st.integers(1, 1000), st.floats(min_value=0, max_value=1e8))
@example(per_s=0.01, first=945, then=668, now_s=89759.51473094767)
def test_bucket_lets_through_whoever_waited_the_whole_seconds_told(
    per_s: float, first: int, then: int, now_s: float
) -> None:
    bucket = Bucket(per_s, 1000, now_s)
    bucket.take(first, now_s + 0.3)
    wait_s = bucket.take(then, now_s + 0.3)
    assert wait_s == 0 or bucket.take(then, now_s + 0.3 + math.ceil(wait_s)) == 0
