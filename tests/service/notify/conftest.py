"""Notify on a bus, writing to a real mail server."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.testing import Issuer, MemoryBus, SetClock
from services.notify.app import build
from services.notify.settings import Settings
from tests.service.notify.world import House, house
from tests.support.kinds import MailSink


@pytest.fixture
def settings(settings_of: Any, smtp: MailSink) -> Settings:
    """Notify's settings on this test's databases and the mail server."""
    made: Settings = settings_of(Settings, smtp_url=smtp.url)
    return made


@pytest.fixture
async def home(bus: MemoryBus, clock: SetClock, issuer: Issuer, settings: Settings) -> AsyncIterator[House]:
    """Nobody known yet."""
    service = build(settings, clock)
    issuer.admit(service)
    await bus.join(service)
    yield house(service, bus, clock, settings)
    await service.client.close()
