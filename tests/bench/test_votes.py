"""Votes over HTTP: durable, deduplicated, in the stream and tallied, against a naive service and against the same server
answering nothing, with the load, MongoDB and RabbitMQ on the same machine."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.events.review import ProvinceApproved
from tests.bench.load import ENTRIES, Load, measured
from tests.bench.result import percentile
from tests.chaos.lane import Ground, Lane, lane, until
from tests.chaos.scenarios import about_entry
from tests.support.factories import make
from tests.support.kinds import Rabbit, Vhost

SECONDS = 6.0
ROUNDS = 3
CONNECTIONS = 64
BATCH = 20


@pytest.fixture
async def station(
    mongo_url: str, rabbit310: Rabbit, vhost: Callable[[Rabbit], Vhost], database_prefix: str, tmp_path: Path
) -> AsyncIterator[tuple[Lane, Lane]]:
    """Both processes of voting, entries to vote on."""
    key = tmp_path / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    told = {
        "env": "test",
        "log": "json",
        "mongo_url": mongo_url,
        "mongo_prefix": database_prefix,
        "signing_key_file": key,
    }
    own = vhost(rabbit310)
    ground = Ground(own.amqp_url, own.stream_url, told, tmp_path)
    async with lane("voting-api", ground) as api, lane("voting-tally", ground) as tally:
        for n in range(ENTRIES):
            await api.tell(make(ProvinceApproved, about=about_entry(f"entry-{n}")))
        assert await until(lambda: _votable(api))
        yield api, tally


async def _votable(api: Lane) -> bool:
    return await api.service.database.entries.count_documents({}) == ENTRIES


async def test_x(station: tuple[Lane, Lane]) -> None:
    api, tally = station
    load = Load(api.port, api.token("frontend"), CONNECTIONS, 1, SECONDS)
    for ballots in (1, 20, 100):
        m = await measured(replace(load, ballots=ballots))
        print(ballots, m.votes_s, m.bad, percentile(m.latencies_ms, 99))
    n = await api.service.database.ballots.count_documents({})

    async def counted():
        row = await api.service.database.positions.find_one({})
        return row and row["next"] == n

    import time

    t = time.time()
    print(await until(counted, 60), n, time.time() - t)
    print(api.last_words()[-1500:])
