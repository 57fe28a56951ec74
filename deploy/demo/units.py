"""Who takes part: the 77 pilot units of Gansu, as the province published them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from contracts.ids import City, Province

FILE = Path(__file__).with_name("units.yaml")
SCHOOL = "school-studio"


@dataclass(frozen=True)
class Unit:
    """A unit that opens a studio: its kind is one of the rulebook's applicants."""

    number: int
    name: str
    kind: str
    province: Province
    city: City
    city_name: str

    @property
    def studio_name(self) -> str:
        """What its studio is called."""
        return f"{self.name}青少年科学工作室"


def units(most: int | None = None) -> tuple[Unit, ...]:
    """The units, numbered from 1, cities taken in turn, so that the first few already come from several."""
    said = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    found = sorted(_listed(said), key=lambda each: each[0])
    return tuple(
        Unit(number, name, said["kinds"].get(name, SCHOOL), said["province"], city["code"], city["name"])
        for number, (_, city, name) in enumerate(found[:most], 1)
    )


def _listed(said: dict[str, list[dict[str, str]]]) -> Iterator[tuple[tuple[int, int], dict[str, str], str]]:
    for at, city in enumerate(said["cities"]):
        for turn, name in enumerate(city["units"]):
            yield (turn, at), city, name
