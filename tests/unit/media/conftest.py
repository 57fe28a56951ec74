"""Slots of shipped campaigns, and a folder for files that are made once."""

from pathlib import Path

import pytest

from contracts.rulebook import SHIPPED, Rulebook, Slot, load


@pytest.fixture(scope="session")
def rulebook() -> Rulebook:
    return load(SHIPPED / "cloud-studio-2023.yaml")


@pytest.fixture(scope="session")
def slots(rulebook: Rulebook) -> dict[str, Slot]:
    return {slot.id: slot for track in rulebook.tracks for slot in track.slots}


@pytest.fixture(scope="session")
def cover() -> Slot:
    """Pictures that may be PNGs."""
    rulebook = load(SHIPPED / "micro-video-2022.yaml")
    return next(slot for track in rulebook.tracks for slot in track.slots if slot.id == "cover")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("packages")
