"""Signed requests, by the vectors of Standard Webhooks."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr, ValidationError

from chassis.refusal import Refused
from services.voting import signatures
from services.voting.settings import Channel, Settings, key_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID, TIME, BODY = b"msg_p5jXN8AQM9LWM0D4loKWxJek", b"1614265330", b'{"test": 2432232314}'
SIGNATURE = b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
"""The vector of the reference libraries, of each language the same."""
OTHER = b"Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
HEADERS = {b"webhook-id": ID, b"webhook-timestamp": TIME, b"webhook-signature": SIGNATURE}
NOW = datetime.fromtimestamp(int(TIME), UTC)
CHANNEL = Channel.model_validate({"secret": SECRET})
MILLISECOND = timedelta(milliseconds=1)


def outcome(channel: Channel = CHANNEL, now: datetime = NOW, body: bytes = BODY, **changes: bytes | None) -> str | None:
    """The id of a request as changed, or the code it is refused with."""
    changed = HEADERS | {f"webhook-{name}".encode(): value for name, value in changes.items()}
    headers = {name: value for name, value in changed.items() if value is not None}
    try:
        return signatures.verified(channel, headers, body, now)
    except Refused as refused:
        return refused.code if refused.status == 401 else None


def test_signature_of_the_reference_vector_is_made_and_verified() -> None:
    assert signatures.sign(key_of(SecretStr(SECRET)), ID, TIME, BODY) == SIGNATURE
    assert outcome() == ID.decode()


def test_secret_without_its_prefix_is_the_same_secret() -> None:
    assert outcome(Channel.model_validate({"secret": SECRET.removeprefix("whsec_")})) == ID.decode()


def test_one_good_signature_among_several_is_enough() -> None:
    assert outcome(signature=b"v1,%b v2,%b %b v1,%b" % (OTHER, OTHER, SIGNATURE, OTHER)) == ID.decode()


@pytest.mark.parametrize(("changes", "code"), [
    ({"id": None}, "signature_missing"), ({"timestamp": None}, "signature_missing"),
    ({"signature": None}, "signature_missing"),
    ({"timestamp": b"hello"}, "signature_malformed"), ({"timestamp": b"-1614265330"}, "signature_malformed"),
    ({"timestamp": b"1" * 400}, "signature_malformed"), ({"timestamp": b""}, "signature_malformed"),
    ({"id": b"msg.1"}, "signature_malformed"), ({"id": b""}, "signature_malformed"),
    ({"id": b"x" * 129}, "signature_malformed"), ({"id": "批".encode()}, "signature_malformed"),
    ({"signature": b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="}, "signature_wrong"),
    ({"signature": SIGNATURE.replace(b"v1", b"v2")}, "signature_wrong"), ({"signature": b""}, "signature_wrong"),
    ({"signature": b"v1,"}, "signature_wrong"), ({"signature": "v1,签".encode()}, "signature_wrong"),
    ({"body": BODY.replace(b" ", b"")}, "signature_wrong"), ({"id": b"msg_other"}, "signature_wrong"),
    ({"timestamp": b"1614265331"}, "signature_wrong"), ({"timestamp": b"01614265330"}, "signature_wrong"),
    ({"channel": Channel.model_validate({"secret": "whsec_" + "A" * 32})}, "signature_wrong"),
    ({"channel": Channel()}, "signature_without_secret"),
])  # fmt: skip
def test_request_that_is_not_truly_signed_is_refused(changes: dict[str, bytes | None], code: str) -> None:
    assert outcome(**changes) == code  # type: ignore[arg-type] # channel and body come by their names


@pytest.mark.parametrize(("off", "code"), [
    (timedelta(minutes=-5), None), (timedelta(minutes=5), None),
    (timedelta(minutes=-5) - MILLISECOND, "signature_early"), (timedelta(minutes=5) + MILLISECOND, "signature_stale"),
])  # fmt: skip
def test_time_of_a_request_is_held_against_the_servers_to_the_millisecond(off: timedelta, code: str | None) -> None:
    assert outcome(now=NOW + off) == (code or ID.decode())


def test_request_without_any_of_the_headers_is_unsigned() -> None:
    required = Channel.model_validate({"secret": SECRET, "signed": "required"})
    nothing: dict[str, bytes | None] = {"id": None, "timestamp": None, "signature": None}
    assert outcome(**nothing) is None  # type: ignore[arg-type] # only headers are among them
    assert outcome(required, **nothing) == "signature_missing"  # type: ignore[arg-type] # the same


def test_fingerprint_is_of_id_and_body_and_not_of_the_time() -> None:
    told = {signatures.fingerprint(*each) for each in (("a", b"b"), ("a", b"c"), ("c", b"b"), ("a", b"b"))}
    assert len(told) == 3


@pytest.mark.parametrize("channel", [
    {"secret": "whsec_c2hvcnQ="}, {"secret": "whsec_" + "A" * 128}, {"secret": "no secret at all, but a sentence"},
    {"signed": "required"}, {"ballots_per_s": 0}, {"ballots_per_s": "inf"}, {"burst_s": -1}, {"rate": 5},
    {"accounts": ["same", "same"]},
])  # fmt: skip
def test_channel_that_cannot_be_meant_is_refused_and_its_secret_not_repeated(channel: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"channels": {"douyin": channel}})
    assert str(channel.get("secret", "no secret")) not in str(refused.value)


def test_secret_of_a_channel_is_not_shown() -> None:
    settings = Settings.model_validate({"channels": {"douyin": {"secret": SECRET}}})
    assert SECRET not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()
