"""What exists: every document of a service's database, in a form in which two runs of one scenario can be compared."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from chassis.mongo import Document

Key = tuple[str, str]
"""A collection and an id in it."""
Census = Mapping[Key, Document]
Effects = Counter[str]
"""Documents that came to be or changed, with everything masked that differs from run to run."""

NOT_EFFECTS = frozenset({"leases", "lanes", "books", "positions", "corrections"})
ATTEMPTS = frozenset(
    {"tries", "digest_tries", "digest_at", "held", "next_at", "traceparent", "who", "role", "deaths", "worker", "turn",
     "look", "later"}
)  # fmt: skip
"""Fields that count and time attempts, which crashes make more of, or say who brought one to its end: what a request
began may be ended by a background task. How ballots are numbered is seen in the stream."""
COUNTED_ON = ("n", "prev", "head", "sequence", "told", "audited")
"""Numbers of a campaign, which is the same one in every run and counts on."""
VARIES = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"  # ids
    r"|00-[0-9a-f]{32}-[0-9a-f]{16}-\d\d"  # traces
    r"|[0-9a-f]{32,}"  # hashes
    r"|\$argon2\S+"
    r"|[\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}"  # signed tokens and receipts
    r"|\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)"
)
SHARD = re.compile(r"#/\d+$")
"""Which part of a live count a vote went to."""


async def census(database: AsyncDatabase[Document]) -> Census:
    """Everything there is, but for what attempts leave."""
    names = sorted(set(await database.list_collection_names()) - NOT_EFFECTS)
    hidden = dict.fromkeys(ATTEMPTS, 0)
    return {(name, str(row["_id"])): row for name in names for row in await database[name].find({}, hidden).to_list()}


def effects(before: Census, after: Census) -> Effects:
    """What came to be, changed or went between two looks."""
    changed = [key for key in after if before.get(key) != after[key]]
    gone = [key for key in before if key not in after]
    return Counter([_shown(key, after[key]) for key in changed] + [f"gone: {_masked(list(key))}" for key in gone])


def difference(expected: Effects, found: Effects) -> list[str]:
    """What is missing and what is too much; empty where the effects are the same."""
    lost = [f"lost {count} × {each}" for each, count in (expected - found).items()]
    doubled = [f"unexpected {count} × {each}" for each, count in (found - expected).items()]
    return lost + doubled


def _shown(key: Key, row: Document) -> str:
    if row.get("subject", key[1]).startswith("campaign/"):
        row = {name: value for name, value in row.items() if name not in COUNTED_ON}
    return f"{key[0]} {json.dumps(_masked(row), ensure_ascii=False, sort_keys=True)}"


def _masked(value: Any) -> Any:
    match value:
        case dict():
            return {_masked(name): _masked(each) for name, each in value.items()}
        case list():
            return [_masked(each) for each in value]
        case str():
            return SHARD.sub("#/~", VARIES.sub("#", value))
        case bytes():
            return _masked(value.decode())
        case datetime():
            return "#"
        case _:
            return value
