"""Signed requests, in the form of Standard Webhooks 1.0.0: HMAC-SHA256 over id, time and body.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis.refusal import Refused
from services.voting.settings import Channel, key_of

TOLERANCE = timedelta(minutes=5)
"""How far a request's time may be from the server's, either way; the second itself included."""
HEADERS = {b"webhook-id": "Webhook-Id", b"webhook-timestamp": "Webhook-Timestamp",
           b"webhook-signature": "Webhook-Signature"}  # fmt: skip
ID = re.compile(rb"[!-\-/-~]{1,128}")
"""Visible ASCII without a full stop, which sets id, time and body apart."""
TIME = re.compile(rb"[0-9]{1,11}")


def sign(key: bytes, request_id: bytes, at: bytes, body: bytes) -> bytes:
    """The signature of a request."""
    signed = hmac.digest(key, b"%b.%b.%b" % (request_id, at, body), "sha256")
    return b"v1," + base64.b64encode(signed)


def verified(channel: Channel, headers: Mapping[bytes, bytes], body: bytes, received_at: datetime) -> str | None:
    """The id of a request that is truly signed; None where it is not and need not be; Refused 401 otherwise."""
    if channel.signed == "optional" and headers.keys().isdisjoint(HEADERS):
        return None
    given = {name: headers[name] for name in HEADERS if name in headers}
    if len(given) < len(HEADERS):
        missing = [said for name, said in HEADERS.items() if name not in given]
        raise _refused("missing", "请求未签名或签名不全。", "It is not signed, or not wholly.", missing=missing)
    if channel.secret is None:
        raise _refused("without_secret", "此渠道未设签名密钥。", "No secret was agreed with this channel.")
    request_id, at, signatures = given.values()
    if not ID.fullmatch(request_id) or not TIME.fullmatch(at):
        zh, en = "签名请求的编号或时间格式有误。", "Id or time of the signature are not written as they must be."
        raise _refused("malformed", zh, en, mend="id: 1 to 128 visible ASCII characters, no full stop; time: seconds")
    _refuse_other_times(int(at), received_at)
    expected = sign(key_of(channel.secret), request_id, at, body)
    if not any(hmac.compare_digest(each, expected) for each in signatures.split(b" ")):
        raise _refused("wrong", "签名不符。", "The signature does not fit id, time, body and secret.")
    return request_id.decode()


def fingerprint(request_id: str, body: bytes) -> str:
    """What is the same for the same body under the same id, whenever it was signed: 128 bits in hex."""
    return hashlib.sha256(request_id.encode() + b"." + body).hexdigest()[:32]


def _refuse_other_times(at: int, received_at: datetime) -> None:
    facts = {"measured_s": at, "server_s": int(received_at.timestamp()), "tolerance_s": int(TOLERANCE.total_seconds())}
    ahead = timedelta(seconds=at) - (received_at - datetime.fromtimestamp(0, UTC))
    if ahead < -TOLERANCE:
        raise _refused("stale", "签名时间过早，请重新签名。", "It was signed too long ago; sign it again.", **facts)
    if ahead > TOLERANCE:
        zh, en = "签名时间晚于服务器时间，请校准时钟。", "It was signed ahead of the server's time; set your clock."
        raise _refused("early", zh, en, **facts)


def _refused(code: str, zh: str, en: str, **facts: Any) -> Refused:
    return Refused(401, f"signature_{code}", zh, en, **facts)
