"""Admins see what was handed in where they look after it, page by page, filtered, counted, as a spreadsheet."""

import csv
import io
from datetime import timedelta
from typing import Any

from chassis.testing import client
from tests.service.review.conftest import World
from tests.service.review.events import (
    AT,
    CHENGDU,
    JIAYUGUAN,
    LANZHOU,
    SICHUAN,
    material,
    registered,
    submitted,
    validated,
)


async def titles(world: World, who: str, **params: Any) -> list[str]:
    page = (await world.get(who, "/v1/queue", kind="entry", **params)).json()
    return [line["title"] for line in page["items"]]


async def mixed(world: World) -> None:
    """Three entries in two cities of Gansu, one in Sichuan; a returned studio."""
    await world.hear(
        submitted("a", title="甲", received_at=AT + timedelta(seconds=3)),
        submitted(
            "b", title="乙", city=JIAYUGUAN, track="case", theme=None, materials=(material("m-b", "advice", "case"),)
        ),
        submitted("c", title="丙(1)", studio_name="兰州一中工作室", received_at=AT + timedelta(seconds=1)),
        submitted("d", title="丁", province=SICHUAN, city=CHENGDU),
        validated("c", "fail", material="material-of-c"),
        registered(),
        registered("studio-2", province=SICHUAN, city=CHENGDU),
    )
    reasons = [{"code": "field-wrong", "about": "field:unit", "text": "名称有误"}]
    await world.post("gansu", "/v1/studios/studio-1/return", {"reasons": reasons})


async def test_queue_holds_the_callers_region_in_order(world: World) -> None:
    await mixed(world)
    assert await titles(world, "gansu") == ["乙", "丙(1)", "甲"]
    assert await titles(world, "lanzhou") == ["丙(1)", "甲"]
    assert await titles(world, "sichuan") == ["丁"]
    assert await titles(world, "beijing") == []
    assert await titles(world, "national") == ["乙", "丁", "丙(1)", "甲"]


async def test_queue_filters(world: World) -> None:
    await mixed(world)
    assert await titles(world, "gansu", track="case") == ["乙"]
    assert await titles(world, "gansu", theme="spaceflight") == ["丙(1)", "甲"]
    assert await titles(world, "gansu", city=JIAYUGUAN) == ["乙"]
    assert await titles(world, "gansu", verdict="fail") == ["丙(1)"]
    assert await titles(world, "gansu", text="一中") == ["丙(1)"]
    assert await titles(world, "gansu", text="(1)") == ["丙(1)"]
    assert await titles(world, "gansu", state="approved") == []
    assert await titles(world, "gansu", campaign="other") == []


async def test_filter_cannot_leave_the_region(world: World) -> None:
    await mixed(world)
    assert await titles(world, "lanzhou", city=JIAYUGUAN) == []
    assert await titles(world, "gansu", city=CHENGDU) == []
    assert await titles(world, "gansu", province=SICHUAN) == ["乙", "丙(1)", "甲"]


async def test_four_hundred_entries_page_without_gap_or_repeat(world: World) -> None:
    rows = [
        {
            **submitted().model_dump(exclude={"entry", "at", "received_at"}),
            "_id": f"entry-{n:03}",
            "handed_in_at": AT + timedelta(milliseconds=n // 7),
            "state": "waiting",
            "verdict": "pass",
            "decisions": [],
            "checks": [],
        }
        for n in range(400)
    ]
    await world.service.database["entries"].insert_many(rows)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await world.get("gansu", "/v1/queue", kind="entry", after=after, limit=37)).json()
        assert page["total"] == 400
        seen += [line["entry"] for line in page["items"]]
        after = page["next"]
    assert seen == [f"entry-{n:03}" for n in range(400)]
    sheet = (await world.get("gansu", "/v1/queue.csv", kind="entry")).content.decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(sheet))][1:] == seen


async def test_unknown_cursor_refused(world: World) -> None:
    for after in ("nonsense", "12.", ".a", "-1.a", "999999999999999.a"):
        answer = await world.get("gansu", "/v1/queue", kind="entry", after=after)
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_unknown")


async def test_queue_and_spreadsheet_hold_no_personal_data(world: World) -> None:
    await mixed(world)
    line = (await world.get("gansu", "/v1/queue", kind="studio")).text
    sheet = (await world.get("gansu", "/v1/queue.csv", kind="studio")).text
    assert ("example.org" in line, "example.org" in sheet) == (False, False)
    assert (await world.get("gansu", "/v1/studios/studio-1")).json()["pii"]["email"] == "studio@example.org"


async def test_spreadsheet_opens_with_mark_and_runs_no_formula(world: World) -> None:
    await world.hear(submitted(title='=HYPERLINK("http://example.org")', studio_name="兰州,一中"))
    answer = await world.get("gansu", "/v1/queue.csv", kind="entry")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    shown = dict(zip(head, row, strict=True))
    assert shown["标题 title"] == '\'=HYPERLINK("http://example.org")'
    assert (shown["工作室名称 studio"], shown["状态 state"]) == ("兰州,一中", "待审核")


async def test_summary_counts_by_city(world: World) -> None:
    await mixed(world)
    summary = (await world.get("gansu", "/v1/summary")).json()
    assert summary["entries"] == {"waiting": 3, "approved": 0, "returned": 0}
    assert summary["studios"] == {"waiting": 0, "approved": 0, "returned": 1}
    assert [(line["city"], line["entries"]["waiting"]) for line in summary["cities"]] == [(LANZHOU, 2), (JIAYUGUAN, 1)]
    everywhere = (await world.get("national", "/v1/summary")).json()
    assert everywhere["studios"] == {"waiting": 1, "approved": 0, "returned": 1}


async def test_account_without_region_sees_nothing(world: World) -> None:
    for role in ("province", "city"):
        async with client(world.service, world.issuer.token(role)) as http:
            answer = await http.get("/v1/queue", params={"kind": "entry"})
        assert (answer.status_code, answer.json()["code"]) == (403, "no_region")
