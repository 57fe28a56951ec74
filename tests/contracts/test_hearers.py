"""Who hears what is read from the services' handlers."""

from pathlib import Path

import pytest

import services
from contracts.events.media import MaterialUploaded, MediaValidated
from contracts.ingress import HandInBallot
from deploy.contracts.hearers import hearers, hearers_of


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands in for `services`."""
    monkeypatch.setattr(services, "__path__", [str(tmp_path)])
    return tmp_path


def add(file: Path, text: str) -> None:
    """Write a module and make the folders above it packages."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")


def test_service_split_by_capability_hears_as_one(house: Path) -> None:
    heard = "from contracts.events.media import {0}\nHEARS = ({0},)\n"
    add(house / "sample_cinema/inspect/handlers.py", heard.format("MaterialUploaded"))
    add(house / "sample_cinema/show/handlers.py", heard.format("MediaValidated"))
    add(house / "sample_poll/handlers.py", "from contracts.ingress import HandInBallot\nHEARS = (HandInBallot,)\n")
    add(house / "sample_silent/rules.py", "")
    found = hearers()
    assert (found, hearers_of(MediaValidated.topic, found), hearers_of(HandInBallot.topic, found)) == (
        {"sample_cinema": (MaterialUploaded, MediaValidated), "sample_poll": (HandInBallot,)},
        ["sample_cinema"],
        ["sample_poll"],
    )


def test_handlers_that_do_not_say_what_they_hear(house: Path) -> None:
    add(house / "sample_mute/handlers.py", "")
    with pytest.raises(AttributeError) as refused:
        hearers()
    assert str(refused.value) == "module 'services.sample_mute.handlers' has no attribute 'HEARS'"
