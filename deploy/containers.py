"""The local stack from images, where a Docker engine answers: `compose.yaml` with this stack's ports and files."""

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from deploy.local.addresses import Addresses
from deploy.local.home import PROJECT, Home
from deploy.local.part import NotReady, Part
from deploy.local.product import product
from deploy.local.rabbitmq import configured
from deploy.local.stack import DidNotStart, Told, servers

POLL_SECONDS = 0.5
INSIDE_IMAGE = Path("/etc/rabbitmq")
NODE_ENVIRONMENT = ("RABBITMQ_NODENAME", "RABBITMQ_DIST_PORT", "ERL_EPMD_PORT", "ERL_EPMD_ADDRESS")
"""What of a native node's environment holds in the image too; its paths are the image's own."""


class NoEngine(Exception):
    """Nothing that runs containers, or no compose to tell it what to run."""


@dataclass(frozen=True)
class Containers:
    """The containers of one data folder."""

    home: Home
    addresses: Addresses

    @classmethod
    def prepare(cls, home: Home) -> "Containers":
        """Choose ports and write what the containers read."""
        with home.locked():
            return cls(home, (Addresses.read(home) if _runs(home) else None) or Addresses.choose(home))

    def up(self, *, within: float = 120, told: Told = lambda *_: None) -> None:
        """Build what is missing, start everything and wait until it is ready; raises `DidNotStart`."""
        waiting = {part.name: part for part in self._write() if part.name != "epmd"}
        (self.home.folder("containers") / "up").touch()
        self._compose("up", "--detach", "--build", "--quiet-pull")
        for name in waiting:
            told(name, "starting")
        until = time.monotonic() + within
        while waiting:
            for name in list(waiting):
                if self._is_ready(waiting[name], late=time.monotonic() > until):
                    told(name, "ready")
                    del waiting[name]
            time.sleep(POLL_SECONDS)

    def down(self, *, wipe: bool = False) -> None:
        """Stop and remove the containers, with their data when asked."""
        self._compose("down", *(["--volumes"] if wipe else []))
        (self.home.folder("containers") / "up").unlink(missing_ok=True)

    def _write(self) -> list[Part]:
        """The native stack's own files and environments, which name 127.0.0.1 and so hold here as well."""
        parts = [*servers(self.home, self.addresses), *product(self.home, self.addresses)]
        node = configured("rabbitmq", self.home.folder("containers/rabbitmq"), INSIDE_IMAGE, self.addresses)
        self._write_environment("rabbitmq", {name: node[name] for name in NODE_ENVIRONMENT})
        for part in parts:
            if part.name in self.addresses.service_urls:
                self._write_environment(part.name, part.environment)
        self.home.folder("mail")
        return parts

    def _write_environment(self, name: str, environment: Mapping[str, str]) -> None:
        file = self.home.folder("containers") / f"{name}.env"
        file.touch(mode=0o600)
        file.write_text("".join(f"{key}={value}\n" for key, value in environment.items()))

    def _is_ready(self, part: Part, *, late: bool) -> bool:
        try:
            part.ready()
        except NotReady as lacking:
            if late:
                log = self._compose("logs", "--tail", "25", part.name)
                raise DidNotStart(f"{part.name}: {lacking}\n{log}") from lacking
            return False
        return True

    def _compose(self, *arguments: str) -> str:
        project = f"zhumeng-{sha256(str(self.home.root).encode()).hexdigest()[:8]}"
        ports = {f"ZM_PORT_{n.upper().replace('-', '_')}": str(port) for n, port in self.addresses.ports.items()}
        command = [*_compose_command(), "-p", project, "-f", str(PROJECT / "deploy" / "compose.yaml"), *arguments]
        surroundings = os.environ | ports | {"ZM_HOME": str(self.home.root)}
        said = subprocess.run(command, env=surroundings, check=False, text=True, capture_output=True)
        if said.returncode:
            raise DidNotStart(f"{' '.join(command)}\n{said.stdout[-3000:]}{said.stderr[-3000:]}")
        return said.stdout


def stop_at(home: Home, *, wipe: bool = False) -> None:
    """Stop the containers of a data folder, if that is how it was started."""
    if _runs(home) and (addresses := Addresses.read(home)):
        Containers(home, addresses).down(wipe=wipe)


def require_engine() -> None:
    """Raises `NoEngine` unless an engine answers and compose is there."""
    if (
        shutil.which("docker") is None
        or subprocess.run(["docker", "info"], check=False, capture_output=True).returncode
    ):
        raise NoEngine("no Docker engine answers (`docker info`); `zhumeng up` runs natively")
    _compose_command()


def _runs(home: Home) -> bool:
    return (home.root / "containers" / "up").exists()


def _compose_command() -> tuple[str, ...]:
    """Compose as Docker's plugin, or the program of old."""
    if subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise NoEngine("the engine answers but there is no compose: install `docker-compose-plugin`")
