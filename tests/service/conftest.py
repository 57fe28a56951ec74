"""Services built as in production, on a real MongoDB, with bus, clock and issuer from the test kit."""

import secrets
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from pymongo import AsyncMongoClient

from chassis.settings import ServiceSettings
from chassis.testing import Issuer, MemoryBus, SetClock

S = TypeVar("S", bound=ServiceSettings)
SettingsOf = Callable[..., Any]


@pytest.fixture(params=[1, 2], ids=["once", "twice"])
def bus(request: pytest.FixtureRequest) -> MemoryBus:
    """Every message is delivered once, then, in the same test again, twice: what holds must hold for both."""
    return MemoryBus(copies=request.param)


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands at noon of 1 July 2023 in Beijing, when the 2023 campaign is open."""
    return SetClock(datetime(2023, 7, 1, 4, tzinfo=UTC))


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def settings_of(mongo_url: str) -> AsyncIterator[SettingsOf]:
    """Builds settings on databases of this test's own, dropped when it ends."""
    prefix = f"t{secrets.token_hex(4)}_"

    def build(kind: type[S], **extra: Any) -> S:
        return kind(env="test", mongo_url=mongo_url, mongo_prefix=prefix, retry_delays=(0.01, 0.02), **extra)

    yield build
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url)
    for name in await client.list_database_names():
        if name.startswith(prefix):
            await client.drop_database(name)
    await client.close()
