"""What registration tells: accounts, studios asking for certification, entries."""

from typing import Literal

from pydantic import AwareDatetime

from contracts.events.event import Event, Fact
from contracts.ids import (
    AccountId,
    CampaignId,
    City,
    EntryId,
    MaterialId,
    Province,
    Revision,
    Role,
    Sha256,
    SlotId,
    StudioId,
    ThemeId,
    TrackId,
)


class Contact(Fact):
    """Personal data: who answers for a studio or holds an account."""

    name: str
    email: str
    phone: str = ""


class AccountOpened(Event, topic="registration.account_opened.v1", subject="account"):
    """Somebody can sign in, in a role, for a region where the role has one."""

    account: AccountId
    role: Role
    province: Province | None = None
    city: City | None = None
    studio: StudioId | None = None
    pii: Contact


class StudioRegistered(Event, topic="registration.studio_registered.v1", subject="studio"):
    """A studio handed in its certification form; `attempt` counts from 1 and grows when it comes back mended."""

    studio: StudioId
    account: AccountId
    name: str
    unit_kind: str
    province: Province
    city: City
    attempt: int = 1
    pii: Contact


class EntryOpened(Event, topic="registration.entry_opened.v1", subject="entry"):
    """A certified studio opened an entry in a campaign; tickets can be taken for its slots."""

    entry: EntryId
    studio: StudioId
    account: AccountId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None = None
    title: str
    studio_name: str
    province: Province
    city: City


class EntryMaterial(Fact):
    """The material an entry was submitted with, one for each filled slot."""

    slot: SlotId
    material: MaterialId
    name: str
    size: int
    """Bytes."""
    sha256: Sha256
    verdict: Literal["pass", "advice", "unchecked"]
    stage: Literal["only", "first", "second"] = "only"
    """Which of media's verdicts that is; `first` is still to be borne out by every byte."""


class EntrySubmitted(Event, topic="registration.entry_submitted.v1", subject="entry"):
    """An entry was handed in before the deadline, or handed in again after it was returned."""

    entry: EntryId
    studio: StudioId
    account: AccountId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    theme: ThemeId | None = None
    title: str
    studio_name: str
    province: Province
    city: City
    materials: tuple[EntryMaterial, ...]
    attempt: int = 1
    received_at: AwareDatetime
    """The server's receive time: the one that counts against the deadline."""
