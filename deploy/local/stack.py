"""A local stack: its parts started in the order they need each other, waited for, stopped without a trace."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.local import leftovers
from deploy.local.addresses import Addresses
from deploy.local.gateway import gateway
from deploy.local.home import Home
from deploy.local.mail import mail
from deploy.local.mongodb import mongodb
from deploy.local.part import NotReady, Part
from deploy.local.product import product
from deploy.local.rabbitmq import epmd, rabbitmq
from deploy.local.seaweedfs import seaweedfs
from deploy.local.supervision import WENT_WRONG, Running, Supervisor

POLL_SECONDS = 0.1
LOG_LINES = 25

Told = Callable[[str, str], None]
"""Called with a part's name and what became of it: `starting`, `ready`."""


SERVERS: Final = ("epmd", "mongodb", "rabbitmq", "seaweedfs", "mail", "gateway")
"""What the product stands on; `servers` makes them."""


class DidNotStart(Exception):
    """A part that did not become ready, what it lacks, and the end of its log."""


def servers(home: Home, addresses: Addresses) -> list[Part]:
    """What the product stands on."""
    return [
        epmd(addresses),
        mongodb(home, addresses),
        rabbitmq(home, addresses),
        seaweedfs(home, addresses),
        mail(addresses),
        gateway(home, addresses),
    ]


@dataclass(frozen=True)
class LocalStack:
    """A stack whose supervisor runs; its parts may or may not."""

    home: Home
    addresses: Addresses
    parts: Mapping[str, Part]
    supervisor: Supervisor

    @classmethod
    def open(cls, home: Home, more: Callable[[Home, Addresses], Iterable[Part]] = lambda *_: ()) -> "LocalStack":
        """The stack of a data folder: the one that runs, or a new one with nothing started yet."""
        supervisor = Supervisor(home)
        with home.locked():
            runs = supervisor.answers()
            addresses = (Addresses.read(home) if runs else None) or Addresses.choose(home)
            parts = [*servers(home, addresses), *product(home, addresses), *more(home, addresses)]
            if not runs:
                leftovers.end(home, within=2)  # of a supervisor that was killed
                supervisor.launch(parts)
        return cls(home, addresses, {part.name: part for part in parts}, supervisor)

    @classmethod
    def running(cls, home: Home) -> "LocalStack | None":
        """The stack of a data folder if it runs."""
        return cls.open(home) if Supervisor(home).answers() else None

    @classmethod
    def stop_at(cls, home: Home) -> dict[int, str]:
        """Stop the stack of a data folder and whatever it left; return what had to be killed."""
        stack = cls.running(home)
        return stack.stop() if stack else leftovers.end(home, within=10)

    def start(self, *names: str, within: float = 90, told: Told = lambda *_: None) -> None:
        """Start the named parts and those they need, each when its needs are ready; return when all are.

        Raises `DidNotStart` for the first one that ends for good or is not ready within the seconds.
        """
        wanted = {name: self.parts[name] for name in self._with_needs(names)}
        started: set[str] = set()
        ready: set[str] = set()
        until = time.monotonic() + within
        while len(ready) < len(wanted):
            for name, part in wanted.items():
                if name not in started and ready.issuperset(part.needs):
                    self.supervisor.start(name)
                    started.add(name)
                    told(name, "starting")
            processes = self.supervisor.processes()
            for name in sorted(started - ready):
                if self._is_ready(processes[name], late=time.monotonic() > until):
                    ready.add(name)
                    told(name, "ready")
            time.sleep(POLL_SECONDS)

    def restart(self, *names: str, within: float = 90, told: Told = lambda *_: None) -> None:
        """Stop the named parts where they run, start them anew, and return when they are ready."""
        self._stop_all(names)
        self.start(*names, within=within, told=told)

    def stop(self, within: float = 45) -> dict[int, str]:
        """Stop each part after those that need it, then the supervisor; return what had to be killed."""
        if self.supervisor.answers():
            left = dict(self.parts)
            self._stop_all(self.supervisor.processes().keys() - left.keys())
            while left:
                needed = {need for part in left.values() for need in part.needs}
                self._stop_all(left.keys() - needed)
                left = {name: part for name, part in left.items() if name in needed}
            self.supervisor.shut_down()
        return leftovers.end(self.home, within=within)

    def log_end(self, name: str) -> str:
        """The last lines a part wrote."""
        path: Path = self.home.logs / f"{name}.log"
        if not path.exists():
            return ""
        with path.open(errors="replace") as log:
            return "".join(deque(log, maxlen=LOG_LINES))

    def _is_ready(self, process: Running, *, late: bool) -> bool:
        try:
            self.parts[process.name].ready()
        except NotReady as lacking:
            if late or process.state in WENT_WRONG:
                raise DidNotStart(self._complaint(process, str(lacking))) from lacking
            return False
        return process.state in {"STARTING", "RUNNING"}

    def _complaint(self, process: Running, lacking: str) -> str:
        log = self.log_end(process.name) or "(nothing written)\n"
        return f"{process.name} {process.state.lower()}: {lacking}\n{self.home.logs / process.name}.log ends:\n{log}"

    def _with_needs(self, names: Iterable[str]) -> list[str]:
        """The names and what they need, needs first."""
        ordered: dict[str, None] = {}
        for name in names:
            ordered.update(dict.fromkeys([*self._with_needs(self.parts[name].needs), name]))
        return list(ordered)

    def _stop_all(self, names: Iterable[str]) -> None:
        wanted = {name for name in names if name in self.supervisor.processes()}
        for name in wanted:
            self.supervisor.stop(name)
        until = (
            time.monotonic()
            + max((part.stop_within for part in self.parts.values() if part.name in wanted), default=5)
            + 1
        )
        while any(self.supervisor.processes()[n].pid for n in wanted) and time.monotonic() < until:
            time.sleep(POLL_SECONDS)
