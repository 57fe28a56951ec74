"""Every decision leaves one chained record; one that was changed or taken away is found."""

from typing import Any

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


async def flaws(world: World) -> list[Flaw]:
    records = await world.service.records.audit.find().to_list()
    return verify_chain(records, await world.service.records.subjects.find().to_list())


async def test_every_decision_has_one_record(decided: World) -> None:
    records: list[Document] = await decided.audited(ENTRY)
    assert [(record["n"], record["did"], record["facts"]["attempt"]) for record in records] == [
        (1, "return", 1),
        (2, "return", 2),
        (3, "approve", 3),
    ]
    assert len(await decided.audited("studio/studio-1")) == 1
    assert await flaws(decided) == []


@pytest.mark.parametrize(
    "change", [{"why": "别的原因"}, {"who": "account-other"}, {"did": "approve"}, {"facts.attempt": 7}, {"n": 9}]
)
async def test_changed_record_is_found(decided: World, change: dict[str, Any]) -> None:
    await decided.service.records.audit.update_one({"subject": ENTRY, "n": 2}, {"$set": change})
    assert {flaw.subject for flaw in await flaws(decided)} == {ENTRY}


@pytest.mark.parametrize("n", [1, 2, 3])
async def test_missing_record_is_found(decided: World, n: int) -> None:
    await decided.service.records.audit.delete_one({"subject": ENTRY, "n": n})
    assert {(flaw.subject, flaw.n) for flaw in await flaws(decided)} >= {(ENTRY, n)}


async def test_missing_chain_is_found(decided: World) -> None:
    await decided.service.records.audit.delete_many({"subject": "studio/studio-1"})
    assert await flaws(decided) == [Flaw("studio/studio-1", 1, "the chain ends at 0, it was written up to 1")]


async def test_refused_decision_leaves_no_record(decided: World) -> None:
    await decided.post("gansu2", "/v1/entries/entry-1/approve")
    await decided.post("sichuan", "/v1/entries/entry-1/approve")
    assert len(await decided.audited(ENTRY)) == 3
