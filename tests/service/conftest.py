"""Services built as in production, on a real MongoDB, with bus, clock and issuer from the test kit."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from pymongo import AsyncMongoClient

from chassis.settings import ServiceSettings
from chassis.testing import Issuer, MemoryBus, SetClock
from tests.support.kinds import connect_mongo

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


@pytest.fixture(scope="session")
def prefix() -> str:
    """What the databases of this session's services are named by."""
    return f"t{secrets.token_hex(4)}_"


@pytest.fixture
async def settings_of(mongo_url: str, prefix: str) -> AsyncIterator[SettingsOf]:
    """Builds settings on databases that are this test's alone; emptied when it ends, since making collections and
    indexes anew would take longer than the test itself."""

    def build(kind: type[S], **extra: Any) -> S:
        return kind(env="test", mongo_url=mongo_url, mongo_prefix=prefix, retry_delays=(0.01, 0.02), **extra)

    yield build
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo_url, w="majority")
    for name in await client.list_database_names():
        if name.startswith(prefix):
            for collection in await client[name].list_collection_names():
                await client[name][collection].delete_many({})
    await client.close()


@pytest.fixture(scope="session", autouse=True)
def dropped(prefix: str, mongo_url: str) -> Iterator[None]:
    """No database of this session is left on a server that outlives it."""
    yield
    with connect_mongo(mongo_url) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)
