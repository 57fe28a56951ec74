"""The offline check, as an operator runs it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.rulebook import Rulebook
from deploy.cli import app
from tests.data.make_packages import make

FOR_VIDEO = ["--campaign", "cloud-studio-2023", "--slot", "video"]


def check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.mark.parametrize(("kind", "code"), [("stored", 0), ("too-long", 0), ("720p", 1), ("cut-short", 1)])
def test_check_ends_with_its_verdict(kind: str, code: int, folder: Path) -> None:
    assert check(make(kind, folder), *FOR_VIDEO).exit_code == code


def test_check_answers_one_line_for_each_file_in_order(folder: Path, rulebook: Rulebook) -> None:
    packages = [make(kind, folder) for kind in ("720p", "stored", "too-long")]
    lines = [json.loads(line) for line in check(*packages, *FOR_VIDEO, "--json").stdout.splitlines()]
    assert [line["verdict"] for line in lines] == ["fail", "pass", "advice"]
    assert [line["sha256"] for line in lines] == [hashlib.sha256(each.read_bytes()).hexdigest() for each in packages]
    [broken] = [finding for finding in lines[0]["findings"] if not finding["ok"]]
    assert set(broken) == {"rule", "level", "ok", "measured", "expected", "file", "message", "mend"}
    assert (broken["rule"], broken["measured"], broken["file"]) == ("video.resolution", "1280x720", "hd.mp4")
    assert set(lines[0]) == {"verdict", "campaign", "slot", "revision", "sha256", "size", "findings", "contents"}
    assert lines[0]["revision"] == rulebook.revision
    assert lines[0]["contents"][0]["shown"] == [1280, 720]


def test_check_tells_what_to_mend_in_both_languages(folder: Path) -> None:
    said = check(make("four-three", folder), *FOR_VIDEO).stdout
    assert "不通过 fail" in said
    assert "画面比例：4:3" in said
    assert "Export in the aspect ratio asked for" in said


def test_check_of_a_missing_file_says_nothing_about_it_and_goes_on(folder: Path) -> None:
    ended = check(folder / "none.zip", make("stored", folder), *FOR_VIDEO, "--json")
    assert ended.exit_code == 2
    assert [json.loads(line)["verdict"] for line in ended.stdout.splitlines()] == [None, "pass"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--campaign", "no-such-campaign", "--slot", "video"],
        ["--campaign", "cloud-studio-2023", "--slot", "no-such-slot"],
        ["--campaign", "cloud-studio-2023", "--slot", "video", "--track", "case"],
        ["--campaign", "cloud-studio-2023"],
    ],
)
def test_check_against_rules_that_do_not_exist_is_wrong_use(wrong: list[str], folder: Path) -> None:
    assert check(make("stored", folder), *wrong).exit_code == 2


def test_check_of_a_folder_is_wrong_use(folder: Path) -> None:
    assert check(folder, *FOR_VIDEO).exit_code == 2


def test_check_that_breaks_says_nothing_about_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> None:
        raise RuntimeError("no tool")

    monkeypatch.setattr("deploy.commands.check.measure", breaks)
    ended = check(make("stored", folder), *FOR_VIDEO, "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["verdict"]) == (2, None)


def test_check_whose_answer_cannot_be_written_is_a_fault_of_the_machine(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        run = [sys.executable, "-m", "deploy.cli", "check", str(make("720p", folder)), *FOR_VIDEO, "--json"]
        ended = subprocess.run(run, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (ended.returncode, b"not checked" in ended.stderr) == (2, True)


def test_check_ends_quietly_when_it_is_interrupted(folder: Path) -> None:
    files = [str(make("stored", folder))] * 500
    run = [sys.executable, "-m", "deploy.cli", "check", *files, *FOR_VIDEO, "--json"]
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert (json.loads(first)["verdict"], process.wait(10), process.stderr.read()) == ("pass", 130, b"")


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_check_of_a_name_that_is_no_text_is_answered(form: list[str], folder: Path, jpeg: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff.jpg"))
    odd.write_bytes(jpeg.read_bytes())
    slot = ["--campaign", "double-reduction-pilot-2022", "--track", "pilot-unit", "--slot", "form"]
    command = [sys.executable, "-m", "deploy.cli", "check", str(odd), *slot, *form]
    strict = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    ended = subprocess.run(command, capture_output=True, env=strict, timeout=60, check=False)
    assert (ended.returncode, b"\\udcff.jpg" in ended.stdout, ended.stderr) == (1, True, b"")
