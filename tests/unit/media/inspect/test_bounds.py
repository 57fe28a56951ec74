"""The bounds that studios are told are those that hold."""

import re
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[4] / "docs" / "packages.md"
ROW = re.compile(r"^\| .* \| ([\d,]+) ?(B|s|MiB|GiB)? \| `(\w+)\.([\w.]+)` \|$", re.MULTILINE)
UNITS = {"MiB": 2**20, "GiB": 2**30}
TOLD = ROW.findall(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("count", "unit", "module", "name"), TOLD)
def test_bound_is_the_documented_one(count: str, unit: str, module: str, name: str) -> None:
    held = attrgetter(name)(import_module(f"services.media.inspect.{module}"))
    assert held == int(count.replace(",", "")) * UNITS.get(unit, 1)


def test_every_common_bound_is_documented() -> None:
    bounds = import_module("services.media.inspect.bounds")
    told = {name for _, _, module, name in TOLD if module == "bounds"}
    assert told == {name for name in vars(bounds) if name.isupper()}
