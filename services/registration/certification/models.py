"""A studio and its certification form, as kept and as shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictInt

from contracts.events.review import Reason
from contracts.ids import AccountId, City, Province, Sha256, StudioId
from services.registration.models import Record

StepId = Literal["unit", "region", "people", "funding", "scan"]
Answer = StrictInt | Annotated[str, Field(max_length=2000)] | Annotated[tuple[str, ...], Field(max_length=50)]
"""A number, a text (dates as 2023-06-30, options by their Chinese title, a scan by its key), or several options."""
Answers = Mapping[str, Answer]
CertificationState = Literal["draft", "submitted", "returned", "certified"]


class Scan(Record):
    """A stamped form as it was checked, pinned by its ETag."""

    key: str
    sha256: Sha256
    size: int
    etag: str


@dataclass(frozen=True)
class StoredScan:
    """What was found in the store at a key; no hash and no head where it was too large to be read."""

    key: str
    size: int
    etag: str
    sha256: Sha256 | None
    head: bytes


class Studio(Record):
    """A studio and its certification. `attempt` counts the times the form was submitted."""

    id: StudioId
    account: AccountId
    state: CertificationState = "draft"
    form: dict[StepId, dict[str, Answer]] = Field(default_factory=dict)
    province: Province | None = None
    city: City | None = None
    scan: Scan | None = None
    attempt: int = 0
    submitted_at: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    mend_by: datetime | None = None
    decided_at: datetime | None = None
    entries: int = 0
    """How many entries were opened; counting makes two openings at once conflict."""

    @property
    def name(self) -> str:
        """The studio's name, once its unit page is saved."""
        return str(self.form["unit"]["name"])

    @property
    def region(self) -> tuple[Province, City]:
        """Province and city, once chosen; LookupError before."""
        if self.province is None or self.city is None:
            raise LookupError("no region was chosen yet")
        return self.province, self.city

    @property
    def unit_kind(self) -> str:
        """Its kind of applicant, by the rulebook's id, once its unit page is saved."""
        return str(self.form["unit"]["kind"])


class Fault(Record):
    """One answer of a form that cannot stand."""

    field: str
    measured: str
    expected: str


class StepView(Record):
    """One page of the certification form and how far it is filled."""

    step: StepId
    title_zh: str
    title_en: str
    saved: bool
    complete: bool
    missing: tuple[str, ...]
    """Required fields without an answer."""
    answers: dict[str, Answer]


class StudioView(Record):
    """A studio's certification, for the studio itself and for its province."""

    studio: StudioId
    state: CertificationState
    attempt: int
    province: Province | None
    city: City | None
    steps: tuple[StepView, ...]
    reasons: tuple[Reason, ...]
    mend_by: datetime | None
    submitted_at: datetime | None
    scan_link: str | None = None
    """Where the stamped form can be read for fifteen minutes; for the deciding province only."""


class ScanTicket(Record):
    """Where a scan may be PUT, and the key to save the page with afterwards."""

    key: str
    url: str
    expires_in: int
