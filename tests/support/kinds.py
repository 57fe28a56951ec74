"""What a test holds of a real server: its addresses, and the few acts that make a corner of it the test's own."""

import mailbox
import re
import time
from dataclasses import dataclass
from email.message import Message
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
from minio import Minio
from pymongo import MongoClient


@dataclass(frozen=True)
class Rabbit:
    """A RabbitMQ node and an administrator's way in."""

    amqp_url: str
    management_url: str
    stream_port: int
    version: str

    @classmethod
    def at(cls, amqp_url: str, management_url: str | None = None, stream_port: int | None = None) -> Self:
        """Look the node's version up; without a management address it is the AMQP port + 10000, and streams are spoken
        at the AMQP port - 120, as they are by default."""
        parts = urlsplit(amqp_url)
        management = management_url or f"http://{parts.hostname}:{(parts.port or 5672) + 10000}"
        answer = httpx.get(f"{management}/api/overview", auth=_login(amqp_url)).raise_for_status()
        port = stream_port or (parts.port or 5672) - 120
        return cls(amqp_url, management, port, str(answer.json()["rabbitmq_version"]))

    def management(self) -> httpx.Client:
        """A client of the management API, logged in."""
        return httpx.Client(base_url=self.management_url, auth=_login(self.amqp_url), timeout=30)

    def make_vhost(self, name: str) -> "Vhost":
        """A new vhost in which this node's administrator may do everything."""
        user = quote(_login(self.amqp_url)[0], safe="")
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        with self.management() as api:
            api.put(f"/api/vhosts/{name}").raise_for_status()
            api.put(f"/api/permissions/{name}/{user}", json=everything).raise_for_status()
        return Vhost(name, self)


@dataclass(frozen=True)
class Vhost:
    """One throwaway vhost of a node."""

    name: str
    rabbit: Rabbit

    @property
    def amqp_url(self) -> str:
        """The address a service connects to."""
        return urlunsplit(urlsplit(self.rabbit.amqp_url)._replace(path=f"/{self.name}"))

    @property
    def stream_url(self) -> str:
        """The address for the stream protocol."""
        user, password = _login(self.rabbit.amqp_url)
        host = urlsplit(self.rabbit.amqp_url).hostname
        return f"rabbitmq-stream://{user}:{password}@{host}:{self.rabbit.stream_port}/{self.name}"

    def delete(self) -> None:
        """Remove the vhost with all its queues and connections."""
        with self.rabbit.management() as api:
            api.delete(f"/api/vhosts/{self.name}").raise_for_status()


@dataclass(frozen=True)
class ObjectStore:
    """An S3 endpoint, the keys to it and a bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str

    def server(self) -> tuple[str, str]:
        """Product and version of what answers, from its own `Server` header ("SeaweedFS 8000GB 4.48")."""
        words = httpx.get(self.endpoint).headers.get("Server", "S3 unknown").replace("/", " ").split()
        return words[0], words[-1]


@dataclass(frozen=True)
class MailSink:
    """A real SMTP server and the folder where what it accepted lies."""

    url: str
    maildir: Path

    def messages(self, to: str | None = None) -> list[Message]:
        """What was accepted so far, oldest first; `to` keeps one recipient's."""
        found = sorted(mailbox.Maildir(self.maildir, create=False).iteritems(), key=lambda item: _arrival(item[0]))
        return [message for _, message in found if to is None or to in message.get_all("X-RcptTo", [""])[0].split(", ")]

    def wait_for(self, count: int, to: str | None = None, *, within: float = 10.0) -> list[Message]:
        """The messages once there are at least `count`; what there is when the seconds run out."""
        until = time.monotonic() + within
        while len(found := self.messages(to)) < count and time.monotonic() < until:
            time.sleep(0.05)
        return found

    @staticmethod
    def version() -> str:
        """The version of the server library."""
        return version("aiosmtpd")


def connect_mongo(url: str) -> MongoClient[dict[str, Any]]:
    """A synchronous client, for what stands around a test."""
    return MongoClient(url, serverSelectionTimeoutMS=10_000)


def connect_s3(store: ObjectStore) -> Minio:
    """A synchronous client, for what stands around a test."""
    parts = urlsplit(store.endpoint)
    return Minio(
        endpoint=parts.netloc, access_key=store.access_key, secret_key=store.secret_key, secure=parts.scheme == "https"
    )


def _arrival(key: str) -> list[int]:
    """Numbers to sort a file of a maildir by: "1763773.M42P7Q3.host" gives second, microsecond, process, count.

    The standard library does not pad the microseconds, so the text itself is not in order."""
    return [int(number) for number in re.findall(r"\d+", key)[:4]]


def _login(amqp_url: str) -> tuple[str, str]:
    parts = urlsplit(amqp_url)
    return parts.username or "guest", parts.password or "guest"
