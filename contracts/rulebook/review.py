"""Who decides on what comes in, what may be answered, and how many may go on."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.ids import TrackId
from contracts.rulebook.calendar import PhaseId
from contracts.rulebook.clause import Clause, Key, Text
from contracts.rulebook.measures import Span

Authority = Literal["city", "province", "national", "recommender", "expert", "public"]


class ReturnReason(Clause):
    """A reason an entry or a form may come back for; `about` says what a decision has to point at."""

    id: Key
    title: Text
    about: Literal["rule", "field", "file", "whole"]


class Resubmission(Clause):
    """What came back may be mended and sent again within `within` of the return, at most `times` times
    (None: as often as it comes back), never later than the step's phase closes. `open_after_deadline`: also when
    the submission deadline has passed."""

    within: Span
    times: Annotated[int, Field(ge=1)] | None = None
    open_after_deadline: bool


class ReviewStep(Clause):
    """One decision in the chain an applicant's form or an entry goes through, in the order written."""

    id: Key
    title: Text
    by: Authority
    subject: Literal["certification", "entry"]
    phase: PhaseId
    resubmission: Resubmission | None = None
    reasons: tuple[ReturnReason, ...] = ()


class ProvinceQuota(Clause):
    """The most entries of a track any one province may recommend."""

    per: Literal["province"]
    track: TrackId
    max: Annotated[int, Field(ge=1)]


class RecommenderQuota(Clause):
    """The most entries of a track any one recommender of this kind may recommend."""

    per: Literal["recommender"]
    kind: Key
    track: TrackId
    max: Annotated[int, Field(ge=1)]


Quota = Annotated[ProvinceQuota | RecommenderQuota, Field(discriminator="per")]


class Recommender(Clause):
    """A kind of body or person that may recommend entries."""

    id: Key
    title: Text
