"""What notify keeps: accounts it can reach, notices, and notices whose account is not known yet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from contracts.ids import AccountId, City, NoticeId, Province, Role, StudioId
from contracts.rulebook.duties import Milestone as CampaignMilestone

Milestone = Literal["account-opened"] | CampaignMilestone
Side = Literal["applicant", "city", "province", "national"]
Way = Literal["inbox", "mail"]
Mail = Literal["none", "single", "digest"]
"""How a notice goes by mail: not at all, in one of its own, or together with an admin's others."""


class Record(BaseModel):
    """Something kept as it is."""

    model_config = ConfigDict(frozen=True)


class Account(Record):
    """Whom notices can be for."""

    id: AccountId
    role: Role
    province: Province | None
    city: City | None
    studio: StudioId | None
    pii: dict[Literal["name", "email"], str]


class To(Record):
    """Whom an event concerns: one account, a studio's, or the admins of a region, also of a studio's region."""

    kind: Literal["account", "studio", "city", "province", "provinces", "national", "city-of", "province-of"]
    of: str = ""
    """The account, studio or region."""


class Telling(Record):
    """Something one side has to be told, in facts."""

    to: To
    template: str
    mail: Mail
    facts: dict[str, Any]


class Message(Record):
    """The same in words, with the event it is told because of."""

    because: str
    to: To
    template: str
    mail: Mail
    subject: str
    body: str

    @property
    def key(self) -> str:
        """What there is one of, whatever comes twice."""
        return f"{self.because}/{self.template}/{self.to.kind}/{self.to.of}"


class Waiting(Record):
    """A message nobody is known for yet."""

    id: str
    message: Message
    tries: int


class Notice(Record):
    """One message to one account: a row of its inbox, and what became of its mail."""

    id: NoticeId
    key: str
    """Event, account and template: no two notices share it."""
    account: AccountId
    because: str
    template: str
    subject: str
    body: str
    mail: Mail
    state: Literal["due", "sent", "failed"]
    created_at: datetime
    tries: int = 0
    read_at: datetime | None = None


@dataclass(frozen=True)
class Sent:
    """The mail server took it."""


@dataclass(frozen=True)
class Refused:
    """The mail server will never take it for this recipient."""

    reason: str


@dataclass(frozen=True)
class NotTaken:
    """The mail server did not take it now."""

    reason: str


Outcome = Sent | Refused | NotTaken


@dataclass(frozen=True)
class Letter:
    """A mail to one recipient. `id` becomes its Message-ID, so that a repeat can be told from another."""

    id: str
    to: str
    subject: str
    body: str
