"""The product's own processes with the environment each one reads."""

import shutil
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from contracts.rulebook import SHIPPED
from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.probes import answers
from deploy.processes import PROCESSES

NEEDS = ("mongodb", "rabbitmq", "seaweedfs", "mail")
ADMIN = "admin@example.org"
"""The national admin a new stack has; the password is in `stack.json`."""
SIGN = ("registration", "media-api", "voting-tally")
"""What signs: access tokens, receipts for upload tickets, closed tallies."""


def product(home: Home, addresses: Addresses) -> list[Part]:
    """Every process of the product, ready when it says so itself."""
    key, rulebooks = _signing_key(home), _rulebooks(home)
    return [
        Part(
            name,
            (sys.executable, "-m", "deploy.run", name),
            addresses.ports[name],
            environment(name, addresses)
            | {"ZM_RULEBOOKS": rulebooks}
            | ({"ZM_SIGNING_KEY_FILE": key} if name in SIGN else {}),
            needs=NEEDS,
            ready=answers(f"{addresses.http(name)}/health/ready"),
            stop_within=70,
        )
        for name, process in PROCESSES.items()
    ]


def environment(name: str, addresses: Addresses) -> dict[str, str]:
    """What a process is told: only its own RabbitMQ user, and only what its service uses."""
    service = PROCESSES[name].service
    return {
        "ZM_ENV": "local",
        "ZM_HTTP_HOST": "127.0.0.1",
        "ZM_HTTP_PORT": str(addresses.ports[name]),
        "ZM_LOG": "json",
        "ZM_AMQP_URL": addresses.amqp_urls[service],
        "ZM_MONGO_URL": str(addresses.mongo_url),
        "ZM_MONGO_PREFIX": "zhumeng_",
        "ZM_JWKS_URL": addresses.keys_url,
        "ZM_PUBLIC_URL": str(addresses.gateway_url),
        **(_files(addresses) if service in ("media", "registration") else {}),
        **(_first_admin(addresses) if service == "registration" else {}),
        **(_votes(addresses) if service == "voting" else {}),
        **({"ZM_SMTP_URL": str(addresses.smtp_url)} if service == "notify" else {}),
    }


def _first_admin(addresses: Addresses) -> dict[str, str]:
    return {"ZM_ADMIN_EMAIL": ADMIN, "ZM_ADMIN_PASSWORD": addresses.secrets["admin-password"]}


def _votes(addresses: Addresses) -> dict[str, str]:
    return {"ZM_VOTER_KEY": addresses.secrets["voter-key"], "ZM_STREAM_URL": addresses.stream_urls["voting"]}


def _files(addresses: Addresses) -> dict[str, str]:
    return {
        "ZM_S3_ENDPOINT": addresses.s3.endpoint,
        "ZM_S3_PUBLIC_ENDPOINT": addresses.s3.public_endpoint,
        "ZM_S3_ACCESS_KEY": addresses.s3.access_key,
        "ZM_S3_SECRET_KEY": addresses.s3.secret_key,
        "ZM_S3_BUCKET": addresses.s3.bucket,
    }


def _rulebooks(home: Home) -> str:
    """The stack's own folder of rulebooks: those that ship, and whatever else was put there, such as rehearsals."""
    folder = home.folder("rulebooks")
    shutil.copytree(SHIPPED, folder, dirs_exist_ok=True)
    return str(folder)


def _signing_key(home: Home) -> str:
    """The Ed25519 key tokens are signed with, made once per data folder, PKCS#8 PEM."""
    path = home.folder("keys") / "signing.pem"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return str(path)
