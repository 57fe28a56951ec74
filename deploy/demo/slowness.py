"""How much slower this machine is just now than two cores: the campaign's calendar goes by it."""

import subprocess
import sys
import time
from typing import Final

AT_ONCE: Final = 2
NOMINAL_S: Final = 0.8
"""What the work below may take on the two cores the calendar was made for; idle they need 0.7."""
MOST: Final = 4.0
WORK: Final = "import hashlib\nfor n in range(1_000_000): hashlib.sha256(b'%d' % n).digest()"


def slowness() -> float:
    """1 or more; measured on a fixed piece of work, by as many workers as the calendar counts on cores."""
    began = time.monotonic()
    workers = [subprocess.Popen([sys.executable, "-S", "-c", WORK]) for _ in range(AT_ONCE)]
    for worker in workers:
        worker.wait()
    return min(MOST, max(1.0, (time.monotonic() - began) / NOMINAL_S))
