"""Benches run as the product's processes do."""

import pytest

from chassis.service import unpaused


@pytest.fixture(autouse=True)
def _as_served() -> None:
    unpaused()
