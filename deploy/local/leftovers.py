"""The processes a stack has, found by the mark they all carry, so that `down` can prove there are none."""

import os
import signal
import time
from pathlib import Path

from deploy.local.home import Home
from deploy.local.supervision import MARK


def living(home: Home) -> dict[int, str]:
    """Command line by process id of everything marked with this stack."""
    wanted = f"{MARK}={home.root}".encode()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue  # it ended meanwhile, or belongs to somebody else
    found.pop(os.getpid(), None)
    return {pid: command for pid, command in found.items() if command}


def end(home: Home, *, within: float) -> dict[int, str]:
    """Wait for the stack's processes to end, ask what remains to end after half the time; return what would not."""
    until = time.monotonic() + within
    asked = False
    while (left := living(home)) and time.monotonic() < until:
        if not asked and time.monotonic() > until - within / 2:
            _signal(left, signal.SIGTERM)
            asked = True
        time.sleep(0.1)
    _signal(left, signal.SIGKILL)
    return left


def memory_mb(pid: int) -> float:
    """Resident memory of a process and its descendants, in MB; of one that has just ended, none."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        tasks = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    children = [int(child) for task in tasks for child in task.split()]
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6 + sum(memory_mb(child) for child in children)


def _signal(processes: dict[int, str], number: signal.Signals) -> None:
    for pid in processes:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
