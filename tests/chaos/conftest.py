"""Grounds for lanes: a vhost, databases, a bucket, a mail server, a key and one campaign, all of this test's own."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.objects import ObjectStore as Objects
from contracts.rulebook import SHIPPED
from tests.chaos.lane import DELAYS, Ground, Lane, lane
from tests.chaos.night import Kind, Night, kinds_in
from tests.support.kinds import MailSink, ObjectStore, Rabbit, Vhost
from tests.support.native import Native

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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    """An object store of these tests' own, which may be killed."""
    server = Native(tmp_path_factory.mktemp("store"))
    yield server
    server.close()


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Kind]:
    """What teachers hand in."""
    return kinds_in(tmp_path_factory.mktemp("kinds"))


@pytest.fixture
async def objects(store: Native) -> Objects:
    """A way into it, to a bucket of this test's own."""
    at = await asyncio.to_thread(store.s3, f"zm-night-{secrets.token_hex(4)}")
    made = Objects(at.endpoint, at.endpoint, at.access_key, at.secret_key, at.bucket)
    await made.ensure_bucket()
    return made


@pytest.fixture
async def night(
    told: dict[str, Any],
    store: Native,
    objects: Objects,
    kinds: Mapping[str, Kind],
    vhost: Callable[[Rabbit], Vhost],
    rabbit310: Rabbit,
    database_prefix: str,
    tmp_path: Path,
) -> AsyncIterator[Night]:
    """Media's processes, on a vhost, databases and a bucket of this test's own."""
    own, at = vhost(rabbit310), store.s3(objects.bucket)
    its = {"s3_endpoint": at.endpoint, "s3_public_endpoint": at.endpoint, "s3_bucket": at.bucket}
    its |= {"s3_access_key": at.access_key, "s3_secret_key": at.secret_key, "mongo_prefix": database_prefix}
    ground = Ground(own.amqp_url, own.stream_url, {**told, **its}, tmp_path)
    async with AsyncExitStack() as stack:
        names = ("media-api", "media-worker", "media-worker")
        opening = [stack.enter_async_context(lane(name, ground)) for name in names]
        api, first, second = await asyncio.gather(*opening)
        yield Night(api, (first, second), kinds)
