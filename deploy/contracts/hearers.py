"""Who hears what, as the services' handlers say."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import services
from contracts.events import Event
from contracts.ingress import Ingress

Hearers = Mapping[str, tuple[type[Event] | type[Ingress], ...]]
"""By service, in the order its handlers name them."""


def hearers() -> Hearers:
    """Read `HEARS` of every `services/<service>/**/handlers.py`; a service split by capability hears as one."""
    root = Path(services.__path__[0])
    found: dict[str, tuple[type[Event] | type[Ingress], ...]] = {}
    for file in sorted(root.glob("*/**/handlers.py")):
        parts = file.relative_to(root).with_suffix("").parts
        module = import_module(".".join(("services", *parts)))
        found[parts[0]] = (*found.get(parts[0], ()), *module.HEARS)
    return found


def hearers_of(topic: str, heard: Hearers) -> list[str]:
    """The services that hear a topic, by name."""
    return sorted(service for service, kinds in heard.items() if topic in {kind.topic for kind in kinds})
