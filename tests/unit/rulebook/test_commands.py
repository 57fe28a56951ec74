"""`zhumeng rulebook` says what holds, what does not, and ends accordingly."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.rulebook import parse
from deploy.commands.rulebook import app


@pytest.fixture
def folder(tmp_path: Path, small: str) -> Path:
    (tmp_path / "small.yaml").write_text(small, "utf-8")
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def test_check_of_a_rulebook_that_holds_names_its_revision(folder: Path, small: str) -> None:
    result = run("check", folder / "small.yaml")
    assert result.exit_code == 0
    assert result.stdout.split()[-2:] == ["small", parse(small).revision]


def test_check_of_several_files_lists_the_problems_of_each_and_fails(folder: Path, small: str) -> None:
    bad = folder / "bad.yaml"
    bad.write_text(small.replace("drain: 1h", "drain: -1h").replace("per_day: 3", "per_day: 0"), "utf-8")
    result = run("check", bad, folder / "small.yaml", folder / "none.yaml")
    assert result.exit_code == 1
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [
        f"{bad}:31",
        f"{bad}:43",
        str(bad),
        f"{folder / 'none.yaml'}:1",
        str(folder / "none.yaml"),
    ]
    assert result.stdout.startswith(f"{folder / 'small.yaml'}: 通过")


def test_show_as_json_gives_the_rulebook_and_its_revision(folder: Path, small: str) -> None:
    said = json.loads(run("show", "small", "--json", "--from", folder).stdout)
    assert said == {"revision": parse(small).revision, "rulebook": parse(small).model_dump(mode="json")}


def test_show_for_people_gives_deadlines_and_rules(folder: Path) -> None:
    shown = run("show", "small", "--from", folder).stdout
    assert [text in shown for text in ("小活动", "2023-08-15T24:00+08:00", "video.duration", "最受欢迎")] == [True] * 4


def test_show_names_what_holds_a_ballot() -> None:
    shown = run("show", "cloud-studio-2023").stdout
    assert [text in shown for text in ("同一设备投票过多", "one-device", "most 30", "within 1h")] == [True] * 4


def test_show_of_an_unknown_campaign_names_those_there_are(folder: Path) -> None:
    result = run("show", "large", "--from", folder)
    assert (result.exit_code, result.stderr) == (1, "没有活动 large。已有 / No such campaign, there are: small\n")


def test_show_from_a_folder_with_a_bad_rulebook_says_why(folder: Path, small: str) -> None:
    (folder / "bad.yaml").write_text(small, "utf-8")
    result = run("show", "small", "--from", folder)
    assert (result.exit_code, "bad.yaml:1: id: is 'small'" in result.stderr) == (1, True)
