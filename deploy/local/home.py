"""Where one local stack keeps everything it writes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SOCKET_PATH_LIMIT = 100
"""Unix socket paths end at 108 bytes; a deeper data folder gets its socket in the system's temporary folder."""


@dataclass(frozen=True)
class Home:
    """A data folder; stacks with different ones live side by side."""

    root: Path

    @classmethod
    def default(cls) -> "Home":
        """`ZM_HOME`, or `.zhumeng` in the project."""
        return cls(Path(os.environ.get("ZM_HOME") or PROJECT / ".zhumeng").resolve())

    @property
    def addresses(self) -> Path:
        """The file that says where everything listens and with which credentials."""
        return self.root / "stack.json"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def supervisor_config(self) -> Path:
        """What the supervisor was told to run."""
        return self.root / "supervisord.conf"

    @property
    def supervisor_socket(self) -> Path:
        """Where the supervisor listens."""
        socket = self.root / "supervisor.sock"
        if len(str(socket)) < SOCKET_PATH_LIMIT:
            return socket
        return Path(tempfile.gettempdir()) / f"zhumeng-{sha256(str(self.root).encode()).hexdigest()[:16]}.sock"

    def folder(self, name: str) -> Path:
        """A part's own folder, made if missing."""
        path = self.root / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one command changes a stack at a time; the second waits."""
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.root / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def wipe(self) -> None:
        """Remove the data folder with all its data."""
        shutil.rmtree(self.root, ignore_errors=True)
