"""Where a stack's servers listen and with which credentials: `stack.json`, for everyone who talks to the stack."""

import os
import random
import secrets
import socket
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, computed_field

from deploy.local.home import Home
from deploy.processes import PROCESSES, SERVICES

BUCKET: Final = "zhumeng-material"
PORTS: Final = (20000, 31999)
"""Below the ports the kernel gives outgoing connections, so that a chosen one stays free until it is used. Where
several start stacks at the same moment, `ZM_PORTS=20000-25999` gives each a range of its own."""

AMQP_USERS: Final = (*SERVICES, "frontend", "analytics", "ops")
BROKER_PORTS: Final = ("", "-dist", "-stream", "-management", "-prometheus")
SERVER_PORTS: Final = (
    *("gateway", "mongodb", "smtp", "epmd"),
    *(f"{node}{port}" for node in ("rabbitmq", "rabbitmq43") for port in BROKER_PORTS),
    *(f"{role}{port}" for role in ("s3", "master", "volume", "filer") for port in ("", "-grpc")),
)
SECRETS: Final = (
    *(f"amqp-{user}" for user in AMQP_USERS),
    *("s3-access", "s3-secret", "erlang-cookie", "admin-password", "voter-key"),
)


class S3Address(BaseModel):
    """The object store from inside, and as browsers see it through the gateway."""

    model_config = ConfigDict(frozen=True)

    endpoint: str
    public_endpoint: str
    access_key: str
    secret_key: str
    bucket: str


class Addresses(BaseModel):
    """A stack's ports and secrets, and the addresses that follow from them."""

    model_config = ConfigDict(frozen=True)

    ports: dict[str, int]
    secrets: dict[str, str]
    maildir: Path

    @classmethod
    def read(cls, home: Home) -> "Addresses | None":
        """What the stack's last start wrote; None before the first."""
        if not home.addresses.exists():
            return None
        return cls.model_validate_json(home.addresses.read_text())

    @classmethod
    def choose(cls, home: Home) -> "Addresses":
        """Keep the last start's ports where they are still free, choose the others, and write `stack.json`."""
        before = cls.read(home)
        chosen = cls(
            ports=_free_ports([*SERVER_PORTS, *PROCESSES], before.ports if before else {}),
            secrets={name: secrets.token_hex(16) for name in SECRETS} | (before.secrets if before else {}),
            maildir=home.root / "mail",
        )
        home.addresses.touch(mode=0o600)
        home.addresses.write_text(chosen.model_dump_json(indent=2) + "\n")
        return chosen

    @computed_field
    @property
    def gateway_url(self) -> str:
        """The one origin people and frontends see."""
        return self.http("gateway")

    @computed_field
    @property
    def service_urls(self) -> dict[str, str]:
        """Each process's own HTTP address, behind the gateway."""
        return {name: self.http(name) for name in PROCESSES}

    @computed_field
    @property
    def keys_url(self) -> str:
        """The published keys that verify tokens, receipts and closed tallies."""
        return f"{self.http('registration')}/.well-known/jwks.json"

    @computed_field
    @property
    def mongo_url(self) -> str:
        """The one-node replica set."""
        return f"mongodb://127.0.0.1:{self.ports['mongodb']}/?directConnection=true"

    @computed_field
    @property
    def amqp_urls(self) -> dict[str, str]:
        """One address per RabbitMQ user."""
        port = self.ports["rabbitmq"]
        return {user: f"amqp://{user}:{self.secrets[f'amqp-{user}']}@127.0.0.1:{port}/" for user in AMQP_USERS}

    @computed_field
    @property
    def stream_urls(self) -> dict[str, str]:
        """The same for RabbitMQ's stream protocol, for those who use it."""
        port, users = self.ports["rabbitmq-stream"], ("voting", "analytics", "ops")
        return {user: f"rabbitmq-stream://{user}:{self.secrets[f'amqp-{user}']}@127.0.0.1:{port}/" for user in users}

    @computed_field
    @property
    def management_url(self) -> str:
        """RabbitMQ's pages and API; log in as `ops`."""
        return self.http("rabbitmq-management")

    @computed_field
    @property
    def s3(self) -> S3Address:
        """The object store."""
        return S3Address(
            endpoint=self.http("s3"),
            public_endpoint=self.http("gateway"),
            access_key=self.secrets["s3-access"],
            secret_key=self.secrets["s3-secret"],
            bucket=BUCKET,
        )

    @computed_field
    @property
    def smtp_url(self) -> str:
        """The mail server that keeps everything in `maildir`."""
        return f"smtp://127.0.0.1:{self.ports['smtp']}"

    def http(self, name: str) -> str:
        """The HTTP address of one port."""
        return f"http://127.0.0.1:{self.ports[name]}"


def _free_ports(names: list[str], before: dict[str, int]) -> dict[str, int]:
    """A different free port for each name, last time's where possible."""
    chosen: dict[str, int] = {name: before[name] for name in names if name in before and _is_free(before[name])}
    first, last = map(int, os.environ["ZM_PORTS"].split("-")) if "ZM_PORTS" in os.environ else PORTS
    candidates = random.sample(range(first, last + 1), k=last + 1 - first)
    for name in names:
        while name not in chosen:
            port = candidates.pop()
            if port not in chosen.values() and _is_free(port):
                chosen[name] = port
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
