"""Everything the outside was told is so: what the demo's people did and the services acknowledged."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chassis.ids import new_id
from contracts.ids import AccountId, BallotId, CampaignId, EntryId, MaterialId, Sha256, StudioId

Decided = Literal["approved", "returned"]


class File(NamedTuple):
    """A file that was handed over whole: how many bytes, and which."""

    size: int
    sha256: Sha256


@dataclass
class Ledger:
    """One run's book. Ids made after it was opened are greater than `since`, because ids sort by time."""

    campaign: CampaignId
    since: str = field(default_factory=new_id)
    accounts: set[AccountId] = field(default_factory=set)
    studios: dict[StudioId, AccountId] = field(default_factory=dict)
    scans: dict[StudioId, set[File]] = field(default_factory=dict)
    forms: set[tuple[StudioId, int]] = field(default_factory=set)
    """Certification forms handed in: the studio and the attempt."""
    entries: dict[EntryId, StudioId] = field(default_factory=dict)
    submissions: set[tuple[EntryId, int]] = field(default_factory=set)
    materials: dict[MaterialId, File] = field(default_factory=dict)
    material_of: dict[MaterialId, EntryId] = field(default_factory=dict)
    verdicts: dict[MaterialId, str] = field(default_factory=dict)
    decisions: set[tuple[str, int, Decided]] = field(default_factory=set)
    """`studio/…` or `entry/…`, the attempt, and what was decided on it."""
    shown: dict[MaterialId, set[File]] = field(default_factory=dict)
    """What the public sees of each material."""
    ballots: dict[BallotId, EntryId] = field(default_factory=dict)
    """Those answered `counted`."""
    ballot_repeats: int = 0
    """Answers that named a ballot counted before: handed in twice, counted once."""
    ballots_refused: Counter[str] = field(default_factory=Counter)
    results: dict[str, Any] = field(default_factory=dict)
    """As published."""
