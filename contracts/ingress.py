"""What a frontend may publish to `zhumeng.ingress`, and the answer it gets on `reply_to`."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema

from contracts.ids import BallotId, CampaignId, EntryId


class Ingress(BaseModel):
    """A typed request on the bus. `user_id` of the AMQP message names the sender and is checked by the broker."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
    topic: ClassVar[str]
    answer: ClassVar[type[BaseModel]]


class BallotAnswer(BaseModel):
    """What became of a ballot."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
    outcome: Literal["counted", "held", "already_counted", "over_limit", "outside_window", "not_votable"]
    ballot: BallotId | None = None
    """Id of the ballot that was kept: this one, or the earlier one for `already_counted`. `held`: it does not count
    before a person says so."""
    message_zh: str
    message_en: str


class HandInBallot(Ingress):
    """Hand in one ballot; the AMQP `message_id` is its nonce: the same one gets the same answer."""

    topic: ClassVar[str] = "ingress.ballot.v1"
    answer: ClassVar[type[BaseModel]] = BallotAnswer

    campaign: CampaignId
    entry: EntryId
    voter: Annotated[str, Field(min_length=1, max_length=128)]
    """The channel's own id of the voter; kept as a pseudonym only."""
    cast_at: AwareDatetime | None = None
    """When the channel saw it; recorded, never decided by."""
    device: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The channel's own id of the voter's device; kept as a pseudonym only."""
    address: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The voter's IPv4 or IPv6 address, as the channel sees it; kept as a pseudonym only."""


class BatchedBallot(BaseModel):
    """One ballot, as over HTTP and among others on the bus."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    campaign: Annotated[CampaignId, Field(min_length=1, max_length=64)]
    entry: Annotated[EntryId, Field(min_length=1, max_length=64)]
    voter: Annotated[str, Field(min_length=1, max_length=128)]
    """The channel's own id of the voter; kept as a pseudonym only."""
    cast_at: AwareDatetime | None = None
    """When the channel saw it; recorded, never decided by."""
    device: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The channel's own id of the voter's device; kept as a pseudonym only."""
    address: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """The voter's IPv4 or IPv6 address, as the channel sees it; kept as a pseudonym only."""
    nonce: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """Chosen by the channel for this ballot of this voter: a repeat under it gets the first answer and never counts
    twice."""


Unread = Annotated[Any, WithJsonSchema(BatchedBallot.model_json_schema())]
"""A `BatchedBallot` as it came."""


class BatchedAnswer(BaseModel):
    """What became of a ballot among others; alone, one that is `malformed` or has a nonce of another's is refused."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
    outcome: Literal[
        "counted", "held", "already_counted", "over_limit", "outside_window", "not_votable", "nonce_reused", "malformed"
    ]
    ballot: BallotId | None = None
    """Id of the ballot that was kept: this one, or the earlier one for `already_counted`. `held`: it does not count
    before a person says so."""
    message_zh: str
    message_en: str


class BallotAnswers(BaseModel):
    """What became of each ballot of a batch."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)
    answers: tuple[BatchedAnswer, ...]
    """In the order of the ballots."""


class HandInBallots(Ingress):
    """Hand in up to 1,000 ballots; each is answered for itself. The AMQP `message_id` is the batch's nonce."""

    topic: ClassVar[str] = "ingress.ballots.v1"
    answer: ClassVar[type[BaseModel]] = BallotAnswers

    ballots: Annotated[tuple[Unread, ...], Field(min_length=1, max_length=1000)]
    """Read one by one: a ballot that does not fit is answered `malformed`, the others count."""


INGRESS: tuple[type[Ingress], ...] = (HandInBallot, HandInBallots)
