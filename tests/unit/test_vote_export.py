"""Votes in a Parquet file: typed, each once, the whole file or none; and what the command says where it cannot."""

import re
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from rich.console import Console
from typer.testing import CliRunner, Result

from contracts.events.voting import VoteCast
from deploy.commands.votes import app
from deploy.progress import progress
from deploy.voteexport import BLOCK, ROW_GROUP, Seen, vote_file, whole
from services.voting.rules import ballot_id

BOOK, OTHER = "0198aabbccdd0001", "0198aabbccdd0002"
AT = datetime(2023, 9, 10, 4, 0, 0, 123_000, tzinfo=UTC)


def vote(number: int, book: str = BOOK) -> VoteCast:
    ballot = ballot_id(book, number, "5eed5eed")
    body = {
        "campaign": "c",
        "revision": "0" * 64,
        "entry": f"e{number % 3}",
        "channel": "douyin",
        "voter": f"v{number}",
    }
    return VoteCast.model_validate({"at": AT, "ballot": ballot, **body})


def written(votes: Sequence[VoteCast]) -> Any:
    buffer = BytesIO()
    with vote_file(buffer) as file:
        for offset, each in enumerate(votes):
            file.add(offset, each)
    buffer.seek(0)
    return parquet.ParquetFile(buffer)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)], env={"COLUMNS": "200"})


def test_file_has_the_offset_and_every_field_of_a_vote_with_its_type() -> None:
    file = written([vote(1), vote(2)])
    types = {field.name: str(field.type) for field in file.schema_arrow}
    strings = dict.fromkeys(VoteCast.model_fields, "string")
    assert types == {"offset": "int64", **strings, "at": "timestamp[ms, tz=UTC]"}
    assert file.read().to_pylist() == [{"offset": n, **dict(vote(n + 1))} for n in range(2)]


def test_file_without_a_vote_has_its_columns() -> None:
    file = written([])
    assert (file.metadata.num_rows, file.schema_arrow.names) == (0, ["offset", *VoteCast.model_fields])


def test_file_of_many_votes_has_row_groups_of_one_size_and_a_rest() -> None:
    file = written([vote(n) for n in range(1, ROW_GROUP + 11)])
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [ROW_GROUP, 10]


def test_vote_that_is_repeated_is_written_where_it_came_first() -> None:
    file = written([vote(1), vote(2), vote(1), vote(1, OTHER), vote(2)])
    assert file.read(["offset"]).to_pydict() == {"offset": [0, 1, 3]}


def test_seen_knows_each_ballot_of_each_book() -> None:
    seen, numbers = Seen(), [1, 7, 8, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK]
    ballots = [ballot_id(book, number, "5eed5eed") for book in (BOOK, OTHER) for number in numbers]
    assert [seen.before(ballot) for ballot in ballots] == [False] * len(ballots)
    assert [seen.before(ballot) for ballot in reversed(ballots)] == [True] * len(ballots)


def test_full_disk_is_an_error_and_not_a_shorter_file() -> None:
    with pytest.raises(OSError, match="No space left"), Path("/dev/full").open("wb") as full, vote_file(full) as file:
        file.add(0, vote(1))


def break_off(target: Path) -> None:
    with whole(target, force=True) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_file_that_was_broken_off_is_gone_and_the_one_before_stays(tmp_path: Path) -> None:
    (tmp_path / "old.parquet").write_text("before")
    for name in ("new.parquet", "old.parquet"):
        with pytest.raises(KeyboardInterrupt):
            break_off(tmp_path / name)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"old.parquet": "before"}


def test_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "votes.parquet"
    with whole(target, force=False) as file:
        file.write(b"all")
        assert not target.exists()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"votes.parquet": "all"}


def test_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "votes.parquet"
    with pytest.raises(FileExistsError), whole(target, force=False):
        target.write_text("another's")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"votes.parquet": "another's"}


def test_command_refuses_a_missing_folder_a_folder_and_a_file_that_is_there(tmp_path: Path) -> None:
    there = tmp_path / "votes.parquet"
    there.touch()
    refused = [run("--to", where) for where in (tmp_path / "none" / "votes.parquet", tmp_path, there)]
    assert [each.exit_code for each in refused] == [2, 2, 2]
    said = ("没有这个文件夹 There is no folder", "is a directory", "覆盖请加 --force / exists, --force replaces it")
    assert [words in each.stderr for words, each in zip(said, refused, strict=True)] == [True] * 3


def test_command_without_a_stack_or_with_one_that_is_down_says_so_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZM_HOME", str(tmp_path / "home"))
    never = run("--to", tmp_path / "votes.parquet")
    down = run("--to", tmp_path / "votes.parquet", "--stream", "rabbitmq-stream://analytics:x@127.0.0.1:1/")
    assert (never.exit_code, down.exit_code, list(tmp_path.iterdir())) == (3, 3, [])
    assert never.stdout.startswith("本地环境未启动过")
    assert down.stdout.startswith("选票流无法连接")


def test_command_that_exports_nothing_does_not_import_pyarrow() -> None:
    look = "import sys, deploy.cli; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def shown(terminal: bool) -> str:
    """What two tellings look like."""
    text = StringIO()
    console = Console(file=text, force_terminal=terminal, width=100, highlight=False)
    with progress(console, "导出 exporting") as told:
        told(2, 8)
        told(8, 8)
    return text.getvalue()


def test_progress_on_a_terminal_is_a_bar_with_count_rate_and_time() -> None:
    seen = shown(terminal=True)
    assert [words in seen for words in ("导出 exporting", "━", "8/8", "/s", "0:00:00")] == [True] * 5


def test_progress_elsewhere_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(terminal=False) == "导出 exporting  2/8\n"
    monkeypatch.setattr("deploy.progress.LINE_S", 0.0)
    second = shown(terminal=False).splitlines()[1]
    assert re.fullmatch(r"导出 exporting  8/8  \d+/s  剩余 remaining 0 s", second)
