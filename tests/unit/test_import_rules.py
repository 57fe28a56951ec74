"""The import rules bite: each wrong import is found and named."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = ("contracts", "chassis", "services", "deploy")

WRONG = {
    "contracts/upward.py": "import chassis.clock",
    "contracts/foreign.py": "import httpx",
    "chassis/nosy.py": "import contracts.events.media",
    "services/ours/__init__.py": "",
    "services/ours/models.py": "import services.theirs.models",
    "services/ours/rules.py": "import services.ours.store\nimport socket",
    "services/ours/store.py": "import pymongo",
    "services/ours/objects.py": "import minio",
    "services/ours/actions.py": "import pymongo\nimport minio\nimport aio_pika",
    "services/ours/helpers.py": "",
    "services/media/inspect/stray.py": "",
    "services/theirs/__init__.py": "",
    "services/theirs/models.py": "",
}
COMPLAINTS = (
    "contracts.upward -> chassis.clock",
    "contracts.foreign is not allowed to import httpx",
    "chassis.nosy -> contracts.events.media",
    "services.ours.models -> services.theirs.models",
    "services.ours.rules -> services.ours.store",
    "services.ours.rules -> socket",
    "- services.ours.helpers",
    "- services.media.inspect.stray",
    "services.ours.actions -> pymongo",
    "services.ours.actions -> minio",
    "services.ours.actions -> aio_pika",
)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What import-linter says of the project with every wrong import in it, as one line."""
    tree = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "pyproject.toml", tree)
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, imports in WRONG.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(imports + "\n")
    linter = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([linter, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)
    return " ".join(said.stdout.split())


@pytest.mark.parametrize("complaint", COMPLAINTS)
def test_wrong_import_is_named(verdict: str, complaint: str) -> None:
    assert complaint in verdict


def test_driver_where_it_belongs_is_no_complaint(verdict: str) -> None:
    drivers = verdict.partition("only a store and the chassis speak MongoDB ---")[2]
    blamed = [importer for importer in ("actions", "objects", "store") if f"services.ours.{importer} -> " in drivers]
    assert blamed == ["actions"]


def test_every_rule_is_broken_by_some_wrong_import(verdict: str) -> None:
    rules = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [rule["name"] for rule in rules if f"{rule['name']} BROKEN" not in verdict] == []
