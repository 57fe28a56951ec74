"""What a request passes before its ballots are decided on, on a clock of the test's own."""

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import json
from pydantic import SecretStr

from chassis.refusal import Refused
from services.voting import gate as gates
from services.voting.gate import Gate
from services.voting.models import BallotIn, Channels
from services.voting.settings import Channel, key_of
from services.voting.signatures import sign

SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
NOW = datetime(2023, 9, 10, 4, tzinfo=UTC)
AGREED = {
    "douyin": Channel(accounts=("one", "two"), ballots_per_s=100, burst_s=20, secret=SECRET),
    "alone": Channel(ballots_per_s=0.5, burst_s=0),
}


class Passing:
    """A gate whose seconds stand still until told."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.gate = Gate(Channels(b"0123456789abcdef", AGREED), lambda: self.now_s)

    def read(self, account: str, body: bytes, request_id: str = "") -> list[Any]:
        headers = {}
        if request_id:
            at = str(int(NOW.timestamp())).encode()
            signature = sign(key_of(SECRET), request_id.encode(), at, body)
            headers = {b"webhook-id": request_id.encode(), b"webhook-timestamp": at, b"webhook-signature": signature}
        return list(self.gate.read(account, NOW, headers, body)[1])

    def refused(self, *asked: Any) -> Refused:
        with pytest.raises(Refused) as refused:
            self.read(*asked)
        return refused.value


def batch(ballots: int, **more: Any) -> bytes:
    return json.encode([{"campaign": "c", "entry": "e", "voter": f"v{n}"} | more for n in range(ballots)])


def nonces(ballots: list[Any]) -> list[str | None]:
    return [each.nonce for each in ballots if isinstance(each, BallotIn)]


def test_channel_over_its_rate_is_told_what_was_measured_and_when_to_come_again() -> None:
    passing = Passing()
    passing.read("one", batch(1000))
    passing.read("one", batch(980))
    refused = passing.refused("one", batch(250))
    assert (refused.status, refused.code) == (429, "too_fast")
    assert refused.facts == {
        "measured_ballots": 250, "left_ballots": 20, "granted_per_s": 100, "granted_at_once": 2000, "retry_after_s": 3,
    }  # fmt: skip
    assert refused.zh == "提交过快：本次250票，现余20票（每秒100票，一次至多2000票），均未计入，3秒后重试。"
    assert refused.en == (
        "Too fast: 250 ballots where 20 are left now (100 a second, at most 2000 at once). "
        "None was counted; hand them in again in 3 s."
    )
    passing.now_s += 3
    assert len(passing.read("one", batch(250))) == 250


def test_accounts_of_one_channel_share_its_rate_and_other_channels_have_their_own() -> None:
    passing = Passing()
    passing.read("one", batch(1000))
    passing.read("two", batch(1000))
    assert (passing.refused("two", batch(1)).code, len(passing.read("three", batch(1)))) == ("too_fast", 1)


def test_full_batch_passes_whatever_the_burst_and_retry_is_at_least_a_second_away() -> None:
    passing = Passing()
    passing.read("alone", batch(1000))
    assert passing.refused("alone", batch(1)).facts["retry_after_s"] == 2
    passing.read("one", batch(1000))
    passing.read("one", batch(1000))
    assert passing.refused("one", batch(1)).facts["retry_after_s"] == 1


def test_channel_nobody_agreed_anything_with_is_granted_more_than_a_process_takes() -> None:
    passing = Passing()
    assert sum(len(passing.read("web", batch(1000))) for _ in range(100)) == 100_000
    assert passing.refused("web", batch(1000)).facts["granted_per_s"] == 50_000


def test_ballots_that_cannot_be_read_count_as_handed_in() -> None:
    passing = Passing()
    passing.read("alone", b"[" + b",".join([b"7"] * 1000) + b"]")
    assert passing.refused("alone", batch(1)).code == "too_fast"


def test_signed_ballot_without_a_nonce_has_one_of_its_id_its_body_and_its_place() -> None:
    passing = Passing()
    first, again, renewed = (nonces(passing.read("one", batch(2), one)) for one in ("a", "a", "b"))
    assert (first, len({*first, *renewed})) == (again, 4)
    assert nonces(passing.read("two", batch(1, nonce="mine"), "c")) == ["mine"]
    assert nonces(passing.read("one", batch(1))) == [None]


def test_id_given_to_another_body_is_refused_and_takes_nothing_of_the_rate() -> None:
    passing = Passing()
    passing.read("one", batch(1000), "a")
    refused = passing.refused("two", batch(999), "a")
    assert (refused.status, refused.code) == (409, "id_reused")
    assert len(passing.read("one", batch(1000), "b")) == 1000


def test_id_of_a_request_that_was_too_fast_can_be_given_to_a_smaller_one() -> None:
    passing = Passing()
    passing.read("one", batch(1000))
    passing.read("one", batch(900))
    assert passing.refused("one", batch(200), "a").code == "too_fast"
    assert len(passing.read("one", batch(100), "a")) == 100


def test_ids_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "REMEMBERED", 2)
    passing = Passing()
    for one in "abc":
        passing.read("one", batch(1), one)
    assert len(passing.read("one", batch(2), "a")) == 2
    assert passing.refused("one", batch(2), "c").code == "id_reused"
