"""Grounds for lanes: a vhost, databases, a bucket, a mail server, a key and one campaign, all of this test's own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.rulebook import SHIPPED
from tests.chaos.lane import DELAYS, Ground, Lane, lane
from tests.support.kinds import MailSink, ObjectStore, Rabbit, Vhost

Lanes = Callable[[str, int, Rabbit], AbstractAsyncContextManager[Sequence[Lane]]]


@pytest.fixture(scope="session")
def told(mongo_url: str, s3: ObjectStore, smtp: MailSink, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every process is told, whatever it makes of it."""
    folder = tmp_path_factory.mktemp("told")
    key = folder / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    campaigns = folder / "campaigns"
    campaigns.mkdir()
    (campaigns / "cloud-studio-2023.yaml").write_bytes((SHIPPED / "cloud-studio-2023.yaml").read_bytes())
    return {
        "env": "test", "log": "json", "mongo_url": mongo_url, "retry_delays": DELAYS, "rulebooks": campaigns,
        "signing_key_file": key, "s3_endpoint": s3.endpoint, "s3_public_endpoint": s3.endpoint,
        "s3_access_key": s3.access_key, "s3_secret_key": s3.secret_key, "s3_bucket": s3.bucket,
        "smtp_url": smtp.url, "sweep_every": timedelta(seconds=0.5), "sweep_s": 0.5,
        "stuck_after": timedelta(days=9), "digest_every": timedelta(0),
    }  # fmt: skip


@pytest.fixture
def lanes(told: dict[str, Any], vhost: Callable[[Rabbit], Vhost], database_prefix: str, tmp_path: Path) -> Lanes:
    """Open some lanes of one process side by side."""

    @asynccontextmanager
    async def opened(name: str, count: int, rabbit: Rabbit) -> AsyncIterator[Sequence[Lane]]:
        async with AsyncExitStack() as stack:
            grounds = [
                Ground(own.amqp_url, own.stream_url, {**told, "mongo_prefix": f"{database_prefix}{n}_"}, tmp_path)
                for n, own in enumerate([vhost(rabbit) for _ in range(count)])
            ]
            yield await asyncio.gather(*(stack.enter_async_context(lane(name, ground)) for ground in grounds))

    return opened
