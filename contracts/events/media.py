"""What media tells: bytes that arrived whole, and what was found in them."""

from typing import Literal

from pydantic import AwareDatetime

from contracts.events.event import Event, Fact
from contracts.ids import (
    CampaignId,
    EntryId,
    MaterialId,
    Province,
    Revision,
    RuleId,
    Sha256,
    SlotId,
    StudioId,
    TicketId,
    TrackId,
)


class Text(Fact):
    """What a person reads, Chinese first."""

    zh: str
    en: str


class StoredObject(Fact):
    """Where the bytes lie, pinned: the version or ETag they had when they were complete."""

    bucket: str
    key: str
    etag: str
    version: str | None = None


class MaterialUploaded(Event, topic="media.material_uploaded.v1", subject="entry"):
    """An upload was completed: the store holds as many bytes as the ticket said."""

    entry: EntryId
    material: MaterialId
    ticket: TicketId
    studio: StudioId
    campaign: CampaignId
    revision: Revision
    track: TrackId
    slot: SlotId
    province: Province
    object: StoredObject
    name: str
    size: int
    """Bytes."""
    sha256: Sha256
    """As the ticket was taken for; proven by the check, not here."""
    taken_at: AwareDatetime
    """When the ticket was taken: the time that counts against the deadline."""


class PublishedFile(Fact):
    """A file made ready to be shown: without what it said of its maker, and in a form every browser plays."""

    kind: Literal["video", "poster", "picture", "text"]
    name: str
    """The file inside the package it was made of, by its name as shown."""
    object: StoredObject
    type: str
    """Media type, such as `video/mp4`."""
    size: int
    """Bytes."""
    sha256: Sha256


class Finding(Fact):
    """One rule's verdict with what was measured."""

    rule: RuleId
    level: Literal["required", "advice"]
    ok: bool
    measured: str
    expected: str
    file: str | None = None
    """The file inside the package, by its name as shown; None where the package itself is meant."""
    message: Text
    mend: Text


class MediaValidated(Event, topic="media.media_validated.v1", subject="entry"):
    """A package was checked against the rulebook; `fail` when a required rule was broken."""

    entry: EntryId
    material: MaterialId
    studio: StudioId
    campaign: CampaignId
    revision: Revision
    slot: SlotId
    name: str
    size: int
    sha256: Sha256
    """As measured where every byte was read; at stage `first`, and of a failure that ranges showed, as the ticket was
    taken for."""
    verdict: Literal["pass", "advice", "fail"]
    findings: tuple[Finding, ...]
    stage: Literal["only", "first", "second"] = "only"
    """`first`: by what could be read in place; once every byte was read `second` follows and takes its place, the same
    or worse. `only`: nothing follows."""
    mend_by: AwareDatetime | None = None
    """Where `second` takes a pass back: until when other material is taken, whatever the deadline."""


class MaterialPublished(Event, topic="media.material_published.v1", subject="entry"):
    """Material of an approved entry was made ready to be shown."""

    entry: EntryId
    material: MaterialId
    studio: StudioId
    campaign: CampaignId
    slot: SlotId
    sha256: Sha256
    """Of the package that was checked, and that the files were made of."""
    files: tuple[PublishedFile, ...]
