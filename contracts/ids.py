"""Ids and codes as types, so that a studio is never passed where an entry is meant."""

from typing import Annotated, Literal, NewType

from pydantic import Field, StringConstraints

AccountId = NewType("AccountId", str)
StudioId = NewType("StudioId", str)
EntryId = NewType("EntryId", str)
TicketId = NewType("TicketId", str)
MaterialId = NewType("MaterialId", str)
BallotId = NewType("BallotId", str)
NoticeId = NewType("NoticeId", str)
AwardId = NewType("AwardId", str)

CampaignId = NewType("CampaignId", str)
TrackId = NewType("TrackId", str)
ThemeId = NewType("ThemeId", str)
SlotId = NewType("SlotId", str)
RuleId = NewType("RuleId", str)

Revision = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="SHA-256 over the canonical JSON of a rulebook, in lower-case hex."),
]
Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="SHA-256 of a file's bytes, in lower-case hex."),
]
Province = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{2}0000$"),
    Field(description="Six-digit GB/T 2260 code of a province, region or municipality: `620000`."),
]
City = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{6}$"),
    Field(description="Six-digit GB/T 2260 code of a city, or of a county the province governs directly: `620100`."),
]

Role = Literal["studio", "city", "province", "national", "expert", "frontend", "ops", "analytics"]
