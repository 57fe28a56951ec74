"""Every decision leaves one chained record; one that was changed or taken away is found."""

import pytest

from chassis.audit import Flaw, verify_chain
from chassis.mongo import Document
from tests.service.review.conftest import World
from tests.service.review.events import material, reason, registered, submitted

ENTRY = "entry/entry-1"


@pytest.fixture
async def decided(world: World) -> World:
    """An entry returned twice and then approved, and a certified studio."""
    await world.hear(registered(), submitted())
    await world.post("gansu", "/v1/studios/studio-1/approve")
    for attempt in (2, 3):
        await world.post("gansu", "/v1/entries/entry-1/return", {"reasons": [reason(text=f"第 {attempt} 次")]})
        await world.hear(submitted(attempt=attempt, materials=(material(f"material-{attempt}"),)))
    await world.post("gansu", "/v1/entries/entry-1/approve")
    await world.post("gansu", "/v1/entries/entry-1/approve")
    return world


Kept = tuple[list[Document], list[Document]]


async def kept(world: World) -> Kept:
    """The audit records and the subjects that know where each chain ends."""
    records = world.service.records
    return await records.audit.find().sort("_id").to_list(), await records.subjects.find().to_list()


async def test_every_decision_has_one_record(decided: World) -> None:
    records: list[Document] = await decided.audited(ENTRY)
    assert [(record["n"], record["did"], record["facts"]["attempt"]) for record in records] == [
        (1, "return", 1),
        (2, "return", 2),
        (3, "approve", 3),
    ]
    assert len(await decided.audited("studio/studio-1")) == 1
    assert verify_chain(*await kept(decided)) == []


CHANGES: tuple[Document, ...] = (
    {"why": "别的原因"},
    {"who": "account-other"},
    {"did": "void"},
    {"facts": {}},
    {"n": 9},
    {"prev": "0"},
    {"hash": "0"},
)


async def test_changed_record_is_found(decided: World) -> None:
    records, subjects = await kept(decided)
    for changed in records:
        for change in CHANGES:
            forged = [record if record is not changed else record | change for record in records]
            assert {flaw.subject for flaw in verify_chain(forged, subjects)} == {changed["subject"]}


async def test_record_changed_in_the_database_is_found(decided: World) -> None:
    await decided.service.records.audit.update_one({"subject": ENTRY, "n": 2}, {"$set": {"who": "account-other"}})
    assert verify_chain(*await kept(decided)) == [Flaw(ENTRY, 2, "it was changed after it was written")]


async def test_missing_record_is_found(decided: World) -> None:
    records, subjects = await kept(decided)
    for missing in records:
        left = [record for record in records if record is not missing]
        assert (missing["subject"], missing["n"]) in {(flaw.subject, flaw.n) for flaw in verify_chain(left, subjects)}


async def test_missing_chain_is_found(decided: World) -> None:
    records, subjects = await kept(decided)
    left = [record for record in records if record["subject"] == ENTRY]
    assert verify_chain(left, subjects) == [Flaw("studio/studio-1", 1, "the chain ends at 0, it was written up to 1")]


async def test_refused_decision_leaves_no_record(decided: World) -> None:
    await decided.post("gansu2", "/v1/entries/entry-1/approve")
    await decided.post("sichuan", "/v1/entries/entry-1/approve")
    assert len(await decided.audited(ENTRY)) == 3
