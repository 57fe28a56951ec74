"""The real servers tests run against: started once per session by the project's own stack, or named by the environment.

A developer who keeps servers running names them and the session starts none:
ZM_TEST_MONGO_URL, ZM_TEST_AMQP310_URL, ZM_TEST_AMQP43_URL (and ZM_TEST_MANAGEMENT310_URL, ZM_TEST_MANAGEMENT43_URL, by
default the AMQP port + 10000; ZM_TEST_STREAM310_PORT, ZM_TEST_STREAM43_PORT, by default the AMQP port - 120),
ZM_TEST_S3_ENDPOINT with ZM_TEST_S3_ACCESS_KEY and ZM_TEST_S3_SECRET_KEY.
With ZM_TEST_ENGINE=docker what is started comes from images.
A server that cannot be had is an error, never a skip.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.addresses import PORTS
from tests.support.engine import Engine
from tests.support.kinds import MailSink, ObjectStore, Rabbit, Vhost, connect_mongo, connect_s3
from tests.support.native import Native

NAMED = os.environ
ROOM = 8 << 30
"""Bytes that must be free in memory before servers keep their data there."""
ran_against: set[str] = set()


@pytest.fixture(scope="session")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    """What this session starts itself, each server on first use; all stopped at the end."""
    folder = _in_memory() or tmp_path_factory.mktemp("zhumeng")
    servers = Engine(folder) if NAMED.get("ZM_TEST_ENGINE") == "docker" else Native(folder)
    yield servers
    servers.close()
    shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """A folder the servers' fsync costs nothing in: what is tested is the death of processes, not of machines."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or shutil.disk_usage(memory).free < ROOM:
        return None
    return Path(tempfile.mkdtemp(prefix="zhumeng-", dir=memory))


@pytest.fixture(scope="session")
def mongo_url(request: pytest.FixtureRequest) -> str:
    """A one-node MongoDB replica set."""
    url = NAMED.get("ZM_TEST_MONGO_URL") or _native(request).mongo_url()
    with connect_mongo(url) as client:
        ran_against.add(f"MongoDB {client.server_info()['version']}")
    return url


@pytest.fixture(scope="session")
def rabbit310(request: pytest.FixtureRequest) -> Rabbit:
    """RabbitMQ as Debian 12 ships it."""
    return _rabbit(request, "310")


@pytest.fixture(scope="session")
def rabbit43(request: pytest.FixtureRequest) -> Rabbit:
    """RabbitMQ of the 4.3 series, where a nack no longer counts towards the delivery limit."""
    return _rabbit(request, "43")


@pytest.fixture(params=["rabbit310", "rabbit43"])
def rabbit(request: pytest.FixtureRequest) -> Rabbit:
    """Both brokers, one after the other: what delivers must hold on each."""
    chosen: Rabbit = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(scope="session")
def s3(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    """An S3 store with a bucket of this session's own."""
    bucket = f"zm-test-{secrets.token_hex(4)}"
    if endpoint := NAMED.get("ZM_TEST_S3_ENDPOINT"):
        access = NAMED.get("ZM_TEST_S3_ACCESS_KEY", "zhumeng")
        secret = NAMED.get("ZM_TEST_S3_SECRET_KEY", "zhumeng-secret")
        store = ObjectStore(endpoint, access, secret, bucket)
    else:
        store = _native(request).s3(bucket)
    client = connect_s3(store)
    client.make_bucket(store.bucket)
    ran_against.add(" ".join(store.server()))
    yield store
    for item in client.list_objects(store.bucket, recursive=True):
        client.remove_object(store.bucket, str(item.object_name))
    client.remove_bucket(store.bucket)


@pytest.fixture(scope="session")
def smtp(native: Native) -> MailSink:
    """A real SMTP server that keeps what it is handed."""
    sink = native.smtp()
    ran_against.add(f"aiosmtpd {sink.version()}")
    return sink


@pytest.fixture
def vhost() -> Iterator[Callable[[Rabbit], Vhost]]:
    """Make a RabbitMQ vhost that lives as long as the test: `vhost(rabbit).amqp_url`."""
    made: list[Vhost] = []

    def make(rabbit: Rabbit) -> Vhost:
        made.append(rabbit.make_vhost(f"zm-{secrets.token_hex(5)}"))
        return made[-1]

    yield make
    for one in made:
        one.delete()


@pytest.fixture
def database_prefix(mongo_url: str) -> Iterator[str]:
    """A prefix for database names no other test has; its databases are dropped afterwards."""
    prefix = f"zmt_{secrets.token_hex(5)}_"
    yield prefix
    with connect_mongo(mongo_url) as client:
        for name in client.list_database_names():
            if name.startswith(prefix):
                client.drop_database(name)


def pytest_configure(config: pytest.Config) -> None:
    """Give each of several workers ports of its own: what two stacks choose at the same moment may be the same."""
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        each = (PORTS[1] + 1 - PORTS[0]) // int(worker["workercount"])
        first = PORTS[0] + each * int(str(worker["workerid"]).removeprefix("gw"))
        os.environ["ZM_PORTS"] = f"{first}-{first + each - 1}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let the worker's servers be named at the end of the run."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["ran_against"] = sorted(ran_against)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker is done: its servers are the run's."""
    ran_against.update(getattr(node, "workeroutput", {}).get("ran_against", ()))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which real servers this run stood on."""
    if ran_against:
        terminalreporter.write_line("ran against: " + ", ".join(sorted(ran_against)))


def _native(request: pytest.FixtureRequest) -> Native:
    native: Native = request.getfixturevalue("native")
    return native


def _rabbit(request: pytest.FixtureRequest, series: str) -> Rabbit:
    if url := NAMED.get(f"ZM_TEST_AMQP{series}_URL"):
        port = NAMED.get(f"ZM_TEST_STREAM{series}_PORT")
        found = Rabbit.at(url, NAMED.get(f"ZM_TEST_MANAGEMENT{series}_URL"), int(port) if port else None)
    else:
        found = _native(request).rabbit(series)
    ran_against.add(f"RabbitMQ {found.version}")
    return found
