"""RabbitMQ in the foreground, with users who can do only their part, and the port mapper that it would leave behind."""

import base64
import json
import secrets
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

from deploy import topology
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.probes import answers, listens
from deploy.processes import SERVICES

SERVER: Final = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""The server itself: Debian's `rabbitmq-server` on the path is a wrapper that changes user and detaches its output."""

NOTHING: Final = "^$"
EVERYTHING: Final = ".*"

PERMISSIONS: Final = {
    # Retries dead-letter through the default exchange, so services write to it.
    **{
        service: {
            "configure": rf"^(zhumeng\.|{service}\.).*",
            "write": rf"^((zhumeng\.|{service}\.).*|amq\.default)$",
            "read": rf"^(zhumeng\.|{service}\.).*",
        }
        for service in SERVICES
    },
    # Answers come by direct reply-to, which needs no permission, or on a queue made for the frontend.
    "frontend": {"configure": NOTHING, "write": r"^zhumeng\.ingress$", "read": r"^zhumeng\.reply\..*"},
    "analytics": {"configure": NOTHING, "write": NOTHING, "read": r"^zhumeng\.(votes(-\d+)?|log)$"},
    "ops": {"configure": EVERYTHING, "write": EVERYTHING, "read": EVERYTHING},
}


def epmd(addresses: Addresses) -> Part:
    """Erlang's port mapper, in the foreground: left to itself RabbitMQ starts one that outlives it."""
    port = addresses.ports["epmd"]
    program = shutil.which("epmd") or "/usr/bin/epmd"
    return Part("epmd", (program, "-port", str(port), "-address", "127.0.0.1"), port, ready=listens(port))


def rabbitmq(home: Home, addresses: Addresses) -> Part:
    """The installed RabbitMQ with the product's users."""
    folder = home.folder("rabbitmq")
    return Part(
        "rabbitmq",
        (SERVER,),
        addresses.ports["rabbitmq"],
        configured("rabbitmq", folder, folder, addresses),
        needs=("epmd",),
        ready=accepts_clients("rabbitmq", addresses),
    )


def configured(node: str, folder: Path, seen: Path, addresses: Addresses) -> dict[str, str]:
    """Write a node's files into `folder`, which it sees as `seen`, and say the environment it reads them by."""
    (folder / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_stream,rabbitmq_prometheus].\n")
    (folder / "definitions.json").write_text(json.dumps(_definitions(addresses.secrets), indent=2))
    (folder / "rabbitmq.conf").write_text(_config(node, seen, addresses.ports))
    cookie = folder / ".erlang.cookie"
    if not cookie.exists():
        cookie.write_text(addresses.secrets["erlang-cookie"])
        cookie.chmod(0o400)
    return {
        "HOME": str(seen),
        "RABBITMQ_NODENAME": f"{node}@localhost",
        "RABBITMQ_CONFIG_FILE": str(seen / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(seen / "enabled_plugins"),
        "RABBITMQ_MNESIA_BASE": str(seen / "data"),
        "RABBITMQ_LOG_BASE": str(seen / "log"),
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",  # the machine's own /etc/rabbitmq is another node's
        "RABBITMQ_DIST_PORT": str(addresses.ports[f"{node}-dist"]),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
        "ERL_EPMD_PORT": str(addresses.ports["epmd"]),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }


def accepts_clients(node: str, addresses: Addresses) -> Callable[[], None]:
    """Ready when the node, its definitions loaded, says that its AMQP listener is up."""
    listener = f"/api/health/checks/port-listener/{addresses.ports[node]}"
    return answers(addresses.http(f"{node}-management") + listener, ("ops", addresses.secrets["amqp-ops"]))


def _config(node: str, seen: Path, ports: Mapping[str, int]) -> str:
    return f"""\
listeners.tcp.1 = 127.0.0.1:{ports[node]}
stream.listeners.tcp.1 = 127.0.0.1:{ports[f"{node}-stream"]}
stream.advertised_host = 127.0.0.1
stream.advertised_port = {ports[f"{node}-stream"]}
management.tcp.ip = 127.0.0.1
management.tcp.port = {ports[f"{node}-management"]}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {ports[f"{node}-prometheus"]}
loopback_users = none
load_definitions = {seen}/definitions.json
log.file = false
log.console = true
disk_free_limit.absolute = 200MB
"""


def _definitions(passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": user,
                "password_hash": _hashed(passwords[f"amqp-{user}"]),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"] if user == "ops" else [],
            }
            for user in PERMISSIONS
        ],
        "permissions": [{"user": user, "vhost": "/", **allowed} for user, allowed in PERMISSIONS.items()],
        **topology.definitions(),
    }


def _hashed(password: str) -> str:
    """RabbitMQ's own form: base64 of a 4-byte salt and SHA-256 over salt and password."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + sha256(salt + password.encode()).digest()).decode()
