"""Every event there is; importing this fills the catalogue."""

from contracts.events import media, notify, registration, review, voting
from contracts.events.event import CATALOGUE, Event, Fact

__all__ = ["CATALOGUE", "Event", "Fact", "media", "notify", "registration", "review", "voting"]
