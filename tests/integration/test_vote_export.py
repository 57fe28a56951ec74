"""The vote stream exported to a file, and read back with the query the documentation shows."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from chassis.rabbitstream import RabbitStream
from contracts.events.voting import VoteCast
from deploy.commands.votes import app
from services.voting.rules import ballot_id
from tests.support.kinds import Rabbit, Vhost
from tests.support.worlds import in_stream

VOTES, REPEATED = 3000, 500
NOON = datetime(2023, 9, 10, 4, tzinfo=UTC)
"""In Beijing."""
PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"


@pytest.fixture
async def url(rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost]) -> AsyncIterator[str]:
    """A stream of votes, the first of them twice: an older one, appended again under another name."""
    url = vhost(rabbit310).stream_url
    stream = RabbitStream(url, "zhumeng.votes")
    await stream.append("book", [vote(n) for n in range(1, VOTES + 1)])
    await stream.append("another", [vote(n) for n in range(1, REPEATED + 1)])
    yield url
    await stream.stop()


def vote(number: int) -> tuple[int, bytes]:
    """The first half before noon for a bridge, then two of three for a kite, and each tenth in another campaign."""
    late = number > VOTES // 2
    cast = VoteCast.model_validate({
        "at": NOON + timedelta(milliseconds=number if late else -number),
        "ballot": ballot_id("0" * 16, number, "5eed5eed"),
        "campaign": "micro-video-2022" if number % 10 == 0 else "cloud-studio-2023", "revision": "0" * 64,
        "entry": "kite" if late and number % 3 else "bridge", "channel": "douyin", "voter": f"v{number % 100}",
    })  # fmt: skip
    return number, in_stream(cast)


async def exported(url: str, *arguments: object) -> Result:
    words = ["export", "--stream", url, *map(str, arguments)]
    return await asyncio.to_thread(CliRunner().invoke, app, words, env={"COLUMNS": "200"})


async def test_export_is_read_by_the_query_of_the_page_with_each_vote_once(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = await exported(url, "--to", "votes.parquet")
    assert result.exit_code == 0, result.output
    assert re.match(rf"导出 exporting  \d+/{VOTES + REPEATED}\n", result.stdout)
    assert re.fullmatch(
        rf"votes.parquet  {VOTES} 票 votes  [\d.]+ kB  略去重复 repeats left out {REPEATED}",
        result.stdout.splitlines()[-1],
    )
    [query] = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    eleven, twelve = (datetime(2023, 9, 10, hour) for hour in (11, 12))  # noqa: DTZ001 # of a clock in Beijing
    assert duckdb.execute(query).fetchall() == [
        (eleven, "bridge", 1350, 90), (twelve, "kite", 900, 90), (twelve, "bridge", 450, 90),
    ]  # fmt: skip


async def test_export_of_a_campaign_or_a_part_holds_that_and_replaces_only_when_told(url: str, tmp_path: Path) -> None:
    file = tmp_path / "votes.parquet"
    count = f'select count(*), min("offset"), max("offset") from \'{file}\''
    assert (await exported(url, "--to", file, "--campaign", "micro-video-2022")).exit_code == 0
    assert duckdb.execute(count).fetchall() == [(VOTES // 10, 9, VOTES - 1)]
    assert (await exported(url, "--to", file, "--from", VOTES)).exit_code == 2
    assert (await exported(url, "--to", file, "--from", VOTES, "--force")).exit_code == 0
    assert duckdb.execute(count).fetchall() == [(REPEATED, VOTES, VOTES + REPEATED - 1)]


async def test_export_without_room_says_so_and_leaves_nothing(url: str, tmp_path: Path) -> None:
    limited = f"ulimit -f 8; exec {sys.executable} -m deploy.cli votes export --stream {url} --to {tmp_path}/v.parquet"
    process = await asyncio.create_subprocess_exec("bash", "-c", limited, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert (process.returncode, os.listdir(tmp_path)) == (1, [])
    assert said.decode().splitlines()[-1].endswith("空间不足 no room; 没有留下文件 nothing was left behind")
