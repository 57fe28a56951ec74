"""Reads ballots as channels write them, over HTTP and from the bus: what does not fit is told one by one."""

import hashlib
from collections.abc import Sequence

from msgspec import DecodeError, Raw, ValidationError, convert, json, structs

from chassis.refusal import Refused
from contracts.ingress import HandInBallot, HandInBallots
from services.voting import rules, wording
from services.voting.models import Answer, BallotIn, Malformed

_one = json.Decoder(BallotIn)
_many = json.Decoder(list[BallotIn])
_each = json.Decoder(list[Raw])
_encoder = json.Encoder()


def read(body: bytes) -> tuple[bool, Sequence[BallotIn | Malformed]]:
    """The ballots of a request, and whether it is a batch. Refused 422 where the whole cannot be read, or the one
    ballot of a request that is none; 413 where there are too many."""
    if body.lstrip()[:1] != b"[":
        return False, [_read_one(body)]
    try:
        ballots: Sequence[BallotIn | Malformed] = _many.decode(body)
    except ValidationError:
        ballots = [_read_each(raw) for raw in _each.decode(body)]
    except (DecodeError, UnicodeDecodeError) as error:
        raise wording.malformed("body", str(error)) from None
    if len(ballots) > rules.LARGEST_BATCH:
        raise too_large(ballots=len(ballots))
    if not ballots:
        raise wording.malformed("body", "a batch holds at least one ballot")
    return True, ballots


def answered(batch: bool, answers: Sequence[Answer]) -> bytes:
    """The answers as they are sent."""
    return _encoder.encode(answers) if batch else _encoder.encode(answers[0])


def of_message(ballot: HandInBallot, message_id: str) -> BallotIn:
    """A ballot from the bus; its message's id is its nonce."""
    return BallotIn(
        ballot.campaign, ballot.entry, ballot.voter, ballot.cast_at, ballot.device, ballot.address, _nonce(message_id)
    )


def of_batch(batch: HandInBallots, message_id: str) -> list[BallotIn | Malformed]:
    """The ballots of a batch from the bus; one without a nonce has the message's id and its place."""
    ballots: list[BallotIn | Malformed] = []
    for ballot in batch.ballots:
        try:
            ballots.append(convert(ballot, BallotIn, strict=True))
        except ValidationError as error:
            ballots.append(Malformed(str(error)))
    return under(message_id, ballots)


def under(name: str, ballots: Sequence[BallotIn | Malformed]) -> list[BallotIn | Malformed]:
    """The ballots of what can be named; one without a nonce has the name and its place."""
    return [
        each if isinstance(each, Malformed) or each.nonce
        else structs.replace(each, nonce=_nonce(f"{name}/{at}"))
        for at, each in enumerate(ballots)
    ]  # fmt: skip


def too_large(**measured: int) -> Refused:
    """A request that is more than one may hold."""
    zh, en = "请求过大，请分批提交。", "The request is too large; hand the ballots in in several."
    return Refused(
        413, "too_large", zh, en, **measured, most_ballots=rules.LARGEST_BATCH, most_bytes=rules.LARGEST_BODY
    )


def _nonce(written: str) -> str:
    """A message's id as a nonce; a longer one by its hash."""
    return written if len(written) <= 128 else hashlib.sha256(written.encode()).hexdigest()


def _read_one(body: bytes) -> BallotIn:
    try:
        return _one.decode(body)
    except (DecodeError, UnicodeDecodeError) as error:
        raise wording.malformed("body", str(error)) from None


def _read_each(raw: Raw) -> BallotIn | Malformed:
    try:
        return _one.decode(raw)
    except (DecodeError, UnicodeDecodeError) as error:
        return Malformed(str(error))
