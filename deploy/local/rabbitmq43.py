"""A native RabbitMQ 4.3 beside the machine's own, from Debian's packages in a root folder of its own.

What delivers must hold on both series, and no released Debian carries the newer one. Installed once per machine into
`ZM_CACHE` (by default `~/.cache/zhumeng`), which takes about 40 s and root; any number of nodes run from it.
"""

import os
import shutil
import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

from deploy.local.addresses import Addresses
from deploy.local.home import Home
from deploy.local.part import Part
from deploy.local.rabbitmq import SERVER, accepts_clients, configured

SUITE: Final = "forky"
SCRIPTS: Final = Path("/usr/share/debootstrap/scripts")
SEEN: Final = Path("/srv")
"""Where a node finds its data folder inside the root folder."""

ENTER: Final = 'mount --rbind /proc "$0/proc" && mount --bind "$1" "$0/srv" && exec chroot "$0" "$2"'


def rabbitmq43(home: Home, addresses: Addresses) -> Part:
    """A node in a mount namespace of its own, so that nothing it mounts is seen or removed by others."""
    folder = home.folder("rabbitmq43")
    inside = ("unshare", "--mount", "--propagation", "private", "sh", "-c", ENTER)
    return Part(
        "rabbitmq43",
        (*_as_root(), *inside, str(root()), str(folder), SERVER),
        addresses.ports["rabbitmq43"],
        configured("rabbitmq43", folder, SEEN, addresses),
        needs=("epmd",),
        ready=accepts_clients("rabbitmq43", addresses),
    )


def root() -> Path:
    """Where the packages are unpacked."""
    cache = Path(os.environ.get("ZM_CACHE") or Path.home() / ".cache" / "zhumeng")
    return cache / "rabbitmq-4.3"


def install() -> None:
    """Unpack RabbitMQ 4.3 and all it needs, unless it is there; several callers wait for one."""
    root().parent.mkdir(parents=True, exist_ok=True)
    with root().with_suffix(".lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not _marker().exists():
            _unpack(root())
            _marker().touch()


def _unpack(target: Path) -> None:
    if not (SCRIPTS / SUITE).exists():  # the bootstrapper may be older than the suite; all suites go the same way
        subprocess.run([*_sudo(), "ln", "-s", "sid", str(SCRIPTS / SUITE)], check=True)
    if target.exists():
        shutil.rmtree(target)
    command = ["debootstrap", "--variant=minbase", "--include=rabbitmq-server", SUITE, str(target)]
    subprocess.run([*_sudo(), *command], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*_sudo(), "sh", "-c", f"echo '127.0.0.1 localhost' > '{target}/etc/hosts'"], check=True)


def _marker() -> Path:
    """Written last, so that an install cut short is done again."""
    return root().with_suffix(".installed")


def _sudo() -> tuple[str, ...]:
    return () if os.geteuid() == 0 else ("sudo",)


def _as_root() -> tuple[str, ...]:
    """Root of the machine, or of a user namespace, which is enough to mount and to change root."""
    return () if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user")


if __name__ == "__main__":
    install()
