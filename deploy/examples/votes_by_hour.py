"""Counts votes by hour in a file of its own: the place in each partition of the stream is kept with the counts, in one
transaction, so a vote is counted once however often this is stopped and started.

    python -m deploy.examples.votes_by_hour rabbitmq-stream://analytics:…@127.0.0.1:5552/ votes.sqlite
"""

import asyncio
import sqlite3
import sys
from contextlib import closing

from deploy.votestream import numbered_votes

TABLES = """
create table if not exists hours (hour text, entry text, votes integer, primary key (hour, entry));
create table if not exists place (partition text primary key, next integer);
"""


async def count(url: str, file: str) -> int:
    """Go on where the file says, to the present end of the stream; how many votes were new."""
    new = 0
    with closing(sqlite3.connect(file)) as database:
        database.executescript(TABLES)
        places = dict(database.execute("select partition, next from place").fetchall())
        async for partition, offset, vote in numbered_votes(url, places):
            with database:  # one transaction: the count and the place
                hour = f"{vote.at:%Y-%m-%dT%H}"
                add = "insert into hours values (?, ?, 1) on conflict do update set votes = votes + 1"
                database.execute(add, (hour, vote.entry))
                database.execute("insert or replace into place values (?, ?)", (partition, offset + 1))
            new += 1
    return new


if __name__ == "__main__":
    print(asyncio.run(count(*sys.argv[1:3])), "new votes")  # noqa: T201 # what it is for
