"""Regions by their GB/T 2260 codes."""

import pytest

from services.registration import regions


def test_provinces_are_all_thirty_four() -> None:
    provinces = regions.regions_in(None)
    assert provinces is not None
    assert len(provinces) == 34
    assert (provinces[0].code, provinces[0].name) == ("110000", "北京市")


def test_gansu_has_its_fourteen_cities() -> None:
    cities = regions.regions_in("620000")
    assert cities is not None
    assert [city.code for city in cities][:3] == ["620100", "620200", "620300"]
    assert len(cities) == 14


def test_region_that_does_not_exist_has_no_list() -> None:
    assert regions.regions_in("999999") is None


def test_lowest_region_has_an_empty_list() -> None:
    assert regions.regions_in("620102") == ()


@pytest.mark.parametrize(
    ("city", "province", "belongs"),
    [
        ("620100", "620000", True),
        ("622900", "620000", True),
        ("110108", "110000", True),  # a municipality governs its districts directly
        ("429004", "420000", True),  # and a province some of its counties
        ("710000", "710000", True),  # nothing below it in the data set
        ("620102", "620000", False),  # a district of a city
        ("620100", "510000", False),
        ("620000", "620000", False),
        ("629999", "620000", False),
    ],
)
def test_city_belongs_to_the_province_that_governs_it(city: str, province: str, belongs: bool) -> None:
    assert regions.is_city_in(city, province) == belongs


@pytest.mark.parametrize(("code", "is_one"), [("620000", True), ("620100", False), ("990000", False), ("", False)])
def test_province_is_known_by_its_code(code: str, is_one: bool) -> None:
    assert regions.is_province(code) == is_one
