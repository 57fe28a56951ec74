"""A native RabbitMQ 4.3 beside the machine's own, from Debian's packages in a root folder of its own.

What delivers must hold on both series, and no released Debian carries the newer one. Installed once per machine into
`ZM_CACHE` (by default `~/.cache/zhumeng`), which takes about 40 s and root; any number of nodes run from it.
"""

import os
import subprocess
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Final

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.rabbitmq import SERVER, accepts_clients, configured

SUITE: Final = "forky"
SCRIPTS: Final = Path("/usr/share/debootstrap/scripts")
NO_PROC: Final = """\
vm_memory_calculation_strategy = allocated
total_memory_available_override_value = 4GB
"""
"""The root folder has no `/proc`: mounting one takes rights that a container does not have."""


def rabbitmq43(home: Home, addresses: Addresses) -> Part:
    """A node that sees only the root folder, its data in a folder there."""
    folder = data(home)
    folder.mkdir(parents=True, exist_ok=True)
    environment = configured("rabbitmq43", folder, Path("/") / folder.relative_to(root()), addresses)
    with (folder / "rabbitmq.conf").open("a") as config:
        config.write(NO_PROC)
    return Part(
        "rabbitmq43",
        (*_as_root(), "chroot", str(root()), SERVER),
        addresses.ports["rabbitmq43"],
        environment,
        needs=("epmd",),
        ready=accepts_clients("rabbitmq43", addresses),
    )


def data(home: Home) -> Path:
    """Where this stack's node keeps its data, inside the root folder; the stack's `down --wipe` does not know it."""
    return root() / "srv" / sha256(str(home.root).encode()).hexdigest()[:16]


def root() -> Path:
    """Where the packages are unpacked."""
    cache = Path(os.environ.get("ZM_CACHE") or Path.home() / ".cache" / "zhumeng")
    return cache / "rabbitmq-4.3"


def install() -> None:
    """Unpack RabbitMQ 4.3 and all it needs, unless it is there; several callers wait for one."""
    root().parent.mkdir(parents=True, exist_ok=True)
    with _beside(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        installed = _beside(".installed")
        if not installed.exists():
            _unpack(root())
            installed.touch()  # last, so that an install cut short is done again


def _unpack(target: Path) -> None:
    if not (SCRIPTS / SUITE).exists():  # the bootstrapper may be older than the suite; all suites go the same way
        _as_administrator("ln", "-s", "sid", str(SCRIPTS / SUITE))
    _as_administrator("rm", "-rf", "--one-file-system", str(target))
    _as_administrator("debootstrap", "--variant=minbase", "--include=rabbitmq-server", SUITE, str(target))
    _as_administrator("sh", "-c", 'echo "127.0.0.1 localhost" > "$0/etc/hosts"; chmod 1777 "$0/srv"', str(target))


def _as_administrator(*command: str) -> None:
    sudo = () if os.geteuid() == 0 else ("sudo",)
    subprocess.run([*sudo, *command], check=True, stdout=subprocess.DEVNULL)


def _beside(ending: str) -> Path:
    return root().with_name(root().name + ending)


def _as_root() -> tuple[str, ...]:
    """Root of the machine, or of a user namespace, which is enough to change root."""
    return () if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user")


if __name__ == "__main__":
    install()
