"""The same servers from images, for `ZM_TEST_ENGINE=docker` where an engine answers."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from testcontainers.core.container import DockerContainer

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.mongodb import TRANSACTION_S, become_primary
from deploy.local.part import NotReady, Part
from deploy.local.probes import answers
from tests.support.kinds import ObjectStore, Rabbit
from tests.support.native import Native

IDENTITIES: Final = "/etc/identities.json"
S3_KEYS: Final = {"accessKey": "zhumeng", "secretKey": "zhumeng-secret"}
PLUGINS: Final = b"[rabbitmq_management,rabbitmq_stream]."
RABBITS: Final = {"310": "rabbitmq:3.10-management", "43": "rabbitmq:4.3-management"}
MONGOD: Final = f"mongod --bind_ip_all --replSet rs0 --setParameter transactionLifetimeLimitSeconds={TRANSACTION_S}"


class Engine(Native):
    """MongoDB, RabbitMQ and S3 from images; mail and gateway are the project's own and stay native."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._containers: list[DockerContainer] = []

    def _more(self, home: Home, addresses: Addresses) -> list[Part]:
        return []

    def mongo_url(self) -> str:
        """A one-node replica set."""
        mongo = DockerContainer("mongo:6.0").with_command(MONGOD).with_exposed_ports(27017)
        url = f"mongodb://{self._started(mongo, 27017)}/?directConnection=true"
        _until_ready(lambda: become_primary(url, "127.0.0.1:27017"))
        return url

    def rabbit(self, series: str) -> Rabbit:
        """RabbitMQ of either series."""
        rabbit = DockerContainer(RABBITS[series]).with_exposed_ports(5672, 5552, 15672)
        rabbit.with_copy_into_container(PLUGINS, "/etc/rabbitmq/enabled_plugins")
        amqp, management = self._started(rabbit, 5672), self._address(rabbit, 15672)
        stream_port = int(self._address(rabbit, 5552).rpartition(":")[2])
        _until_ready(answers(f"http://{management}/api/health/checks/port-listener/5672", ("guest", "guest")))
        return Rabbit.at(f"amqp://guest:guest@{amqp}/", f"http://{management}", stream_port)

    def s3(self, bucket: str) -> ObjectStore:
        """The S3 store."""
        known = {"identities": [{"name": "zhumeng", "credentials": [S3_KEYS], "actions": ["Admin"]}]}
        weed = DockerContainer("chrislusf/seaweedfs:latest").with_exposed_ports(8333)
        weed.with_copy_into_container(json.dumps(known).encode(), IDENTITIES)
        weed.with_command(f"server -dir=/tmp -s3 -s3.config={IDENTITIES} -master.telemetry=false")
        endpoint = f"http://{self._started(weed, 8333)}"
        _until_ready(answers(f"{endpoint}/healthz"))
        return ObjectStore(endpoint, S3_KEYS["accessKey"], S3_KEYS["secretKey"], bucket)

    def close(self) -> None:
        """Remove the containers and stop what is native."""
        for container in self._containers:
            container.stop()
        super().close()

    def _started(self, container: DockerContainer, port: int) -> str:
        self._containers.append(container.start())
        return self._address(container, port)

    @staticmethod
    def _address(container: DockerContainer, port: int) -> str:
        return f"{container.get_container_host_ip()}:{container.get_exposed_port(port)}"


def _until_ready(ready: Callable[[], None], within: float = 60) -> None:
    until = time.monotonic() + within
    while True:
        try:
            return ready()
        except NotReady:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
