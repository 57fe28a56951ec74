"""The demo as a stranger runs it, with few studios: the ledger holds, and again on the stack that is left running."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.home import PROJECT

SMALL = ("--studios", "6", "--ballots", "60")
COUNTED = re.compile(r"lost (\d+) · .*?doubled (\d+) · .*?unexpected (\d+) · .*?parked (\d+) · .*?waiting (\d+) · ")


def zhumeng(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "ZM_HOME": str(home), "COLUMNS": "100"}
    command = [sys.executable, "-m", "deploy.cli", *words]
    return subprocess.run(command, cwd=PROJECT, env=surroundings, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    zhumeng(tmp_path / "home", "down", "--wipe")


@pytest.mark.timeout(900)
def test_demo_run_twice_in_a_row_holds_its_ledger_both_times(home: Path) -> None:
    for _ in range(2):
        ran = zhumeng(home, "demo", *SMALL)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        counted = COUNTED.search(ran.stdout)
        assert counted is not None, ran.stdout
        assert counted.groups() == ("0", "0", "0", "0", "0")
    entry = re.search(r"zhumeng trace (\S+)", ran.stdout)
    assert entry is not None
    traced = zhumeng(home, "trace", entry[1])
    topics = re.findall(r"\b(?:registration|media|review|voting)\.\w+\.v1\b", traced.stdout)
    wanted = ("entry_opened", "material_uploaded", "media_validated", "entry_submitted", "province_approved")
    assert [name for name in wanted if not any(name in topic for topic in topics)] == []
