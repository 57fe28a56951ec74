"""The servers a test session starts for itself, each on first use, in a private folder."""

import os
import shutil
import signal
import subprocess
from functools import cached_property
from pathlib import Path
from typing import Final

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.rabbitmq import configured
from deploy.local.rabbitmq43 import data, install, rabbitmq43
from deploy.local.stack import LocalStack
from tests.support.kinds import MailSink, ObjectStore, Rabbit

RABBITMQCTL: Final = "/usr/lib/rabbitmq/bin/rabbitmqctl"


class Native:
    """Starts what is asked for with the project's own stack, and remembers that so `close` leaves nothing."""

    def __init__(self, folder: Path) -> None:
        self._home = Home(folder)

    def _more(self, home: Home, addresses: Addresses) -> list[Part]:
        """What tests need beside the stack."""
        install()
        return [rabbitmq43(home, addresses)]

    @cached_property
    def _stack(self) -> LocalStack:
        return LocalStack.open(self._home, more=self._more)

    def mongo_url(self) -> str:
        """A one-node replica set."""
        self._stack.start("mongodb")
        return self._stack.addresses.mongo_url

    def rabbit(self, series: str) -> Rabbit:
        """Debian's RabbitMQ (`310`) or the newer series (`43`)."""
        name = {"310": "rabbitmq", "43": "rabbitmq43"}[series]
        self._stack.start(name)
        addresses = self._stack.addresses
        login = f"ops:{addresses.secrets['amqp-ops']}"
        amqp_url, management = (
            f"amqp://{login}@127.0.0.1:{addresses.ports[name]}/",
            addresses.http(f"{name}-management"),
        )
        return Rabbit.at(amqp_url, management, addresses.ports[f"{name}-stream"])

    def control_rabbit(self, *command: str) -> None:
        """Run `rabbitmqctl` on Debian's RabbitMQ."""
        folder, addresses = self._home.folder("rabbitmq"), self._stack.addresses
        told = configured("rabbitmq", folder, folder, addresses)
        subprocess.run(
            ["/usr/lib/rabbitmq/bin/rabbitmqctl", "-q", *command], env={**os.environ, **told}, check=True, timeout=60
        )

    def s3(self, bucket: str) -> ObjectStore:
        """The S3 store."""
        self._stack.start("seaweedfs")
        s3 = self._stack.addresses.s3
        return ObjectStore(s3.endpoint, s3.access_key, s3.secret_key, bucket)

    def kill_s3(self) -> None:
        """`kill -9` of the S3 store; returns when it answers again."""
        os.kill(self._stack.supervisor.processes()["seaweedfs"].pid, signal.SIGKILL)
        self._stack.start("seaweedfs")

    def smtp(self) -> MailSink:
        """The mail server with its folder."""
        self._stack.start("mail")
        return MailSink(self._stack.addresses.smtp_url, self._stack.addresses.maildir)

    def gateway(self) -> Addresses:
        """The gateway with the S3 store behind it, and every address of this stack."""
        self._stack.start("gateway", "seaweedfs")
        return self._stack.addresses

    def users(self) -> Addresses:
        """RabbitMQ with the product's users, and their addresses."""
        self._stack.start("rabbitmq")
        return self._stack.addresses

    def close(self) -> None:
        """Stop everything; a process that would not end is an error of the stack."""
        left = LocalStack.stop_at(self._home)
        shutil.rmtree(data(self._home), ignore_errors=True)
        if left:
            raise RuntimeError(f"the test servers left processes: {left}")
