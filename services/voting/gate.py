"""What a request over HTTP passes before its ballots are decided on: its channel's signature and rate."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from chassis.refusal import Refused
from services.voting import intake, rules, signatures
from services.voting.models import BallotIn, Channels, Malformed
from services.voting.pace import Bucket
from services.voting.settings import Channel

REMEMBERED = 50_000
"""Signed requests whose ids are remembered, so that a channel learns of an id given twice. What counts once does not
hang on it: that is the ballots' nonces."""


class Gate:
    """Of one process: N of them let through N times the rate."""

    def __init__(self, channels: Channels, now_s: Callable[[], float] = time.monotonic) -> None:
        self._channels, self._now_s = channels, now_s
        self._buckets: dict[str, Bucket] = {}
        self._ids: OrderedDict[tuple[str, str], str] = OrderedDict()

    def read(
        self, account: str, received_at: datetime, headers: Mapping[bytes, bytes], body: bytes
    ) -> tuple[bool, Sequence[BallotIn | Malformed]]:
        """The ballots of a request, and whether it is a batch; Refused, with nothing taken or remembered, where it may
        not pass: 401 for its signature, 409 for its id, 429 for its channel's rate, and as `intake.read`."""
        channel = rules.channel_of(self._channels, account)
        agreed = self._channels.agreed_with(channel)
        request_id = signatures.verified(agreed, headers, body, received_at)
        batch, ballots = intake.read(body)
        if request_id is None:
            self._pace(channel, agreed, len(ballots))
            return batch, ballots
        fingerprint = signatures.fingerprint(request_id, body)
        if self._ids.get((channel, request_id), fingerprint) != fingerprint:
            zh, en = "该请求编号已用于另一批选票。", "This id was used for another body; give each its own."
            raise Refused(409, "id_reused", zh, en)
        self._pace(channel, agreed, len(ballots))
        self._remember(channel, request_id, fingerprint)
        return batch, intake.under(fingerprint, ballots)

    def _pace(self, channel: str, agreed: Channel, ballots: int) -> None:
        """Refused where the channel is over its rate."""
        bucket = self._buckets.get(channel)
        if bucket is None:
            most = max(rules.LARGEST_BATCH, agreed.ballots_per_s * agreed.burst_s)
            bucket = self._buckets[channel] = Bucket(agreed.ballots_per_s, most, self._now_s())
        if wait_s := bucket.take(ballots, self._now_s()):
            raise _too_fast(bucket, ballots, max(1, math.ceil(wait_s)))

    def _remember(self, channel: str, request_id: str, fingerprint: str) -> None:
        self._ids[channel, request_id] = fingerprint
        if len(self._ids) > REMEMBERED:
            self._ids.popitem(last=False)


def _too_fast(bucket: Bucket, ballots: int, again_s: int) -> Refused:
    left, most, per_s = int(bucket.left), int(bucket.most), bucket.per_s
    zh = f"提交过快：本次{ballots}票，现余{left}票（每秒{per_s:g}票，一次至多{most}票），均未计入，{again_s}秒后重试。"
    en = (
        f"Too fast: {ballots} ballots where {left} are left now ({per_s:g} a second, at most {most} at once). "
        f"None was counted; hand them in again in {again_s} s."
    )
    return Refused(
        429, "too_fast", zh, en, measured_ballots=ballots, left_ballots=left, granted_per_s=per_s,
        granted_at_once=most, retry_after_s=again_s,
    )  # fmt: skip
