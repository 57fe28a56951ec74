"""supervisord, which runs and watches every process of a stack; told what to do over its Unix socket."""

import os
import subprocess
import sys
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from supervisor.xmlrpc import SupervisorTransport

from deploy.local.home import PROJECT, Home
from deploy.local.part import Part

MARK: Final = "ZM_STACK"
"""Every process of a stack, however deep, carries the stack's data folder in this environment variable."""

WENT_WRONG: Final = frozenset({"FATAL", "UNKNOWN"})
ALREADY_STARTED: Final = 60
NOT_RUNNING: Final = 70


@dataclass(frozen=True)
class Running:
    """What the supervisor knows of one process."""

    name: str
    state: str
    pid: int
    said: str


class Supervisor:
    """One stack's supervisord."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def answers(self) -> bool:
        """Whether it runs."""
        try:
            self._call("getState")
        except OSError:
            return False
        return True

    def launch(self, parts: Iterable[Part]) -> None:
        """Write its configuration and start it; it starts no process before it is asked."""
        self._home.supervisor_config.touch(mode=0o600)
        self._home.supervisor_config.write_text(_config(self._home, parts))
        self._home.supervisor_socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._home.supervisor_config)]
        subprocess.run(command, check=True, cwd=PROJECT, stdout=subprocess.DEVNULL, env=_surroundings(self._home))

    def start(self, name: str) -> None:
        """Start one process; harmless when it runs."""
        try:
            self._call("startProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != ALREADY_STARTED:
                raise

    def stop(self, name: str) -> None:
        """Ask one process to end, without waiting; harmless when it does not run."""
        try:
            self._call("stopProcess", name, False)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != NOT_RUNNING:
                raise

    def processes(self) -> Mapping[str, Running]:
        """Every process it was told of, by name."""
        told = self._call("getAllProcessInfo")
        return {p["name"]: Running(p["name"], p["statename"], p["pid"], p["description"]) for p in told}

    def shut_down(self) -> None:
        """End it and everything it still runs."""
        self._call("shutdown")

    def _call(self, method: str, *arguments: object) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._home.supervisor_socket}")
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


def _config(home: Home, parts: Iterable[Part]) -> str:
    logs = home.folder("logs")
    head = f"""\
[unix_http_server]
file = {home.supervisor_socket}
chmod = 0700
[supervisord]
logfile = {logs}/supervisord.log
pidfile = {home.root}/supervisord.pid
childlogdir = {logs}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_program(part, home) for part in parts)


def _program(part: Part, home: Home) -> str:
    command = " ".join(_quoted(word) for word in part.command)
    environment = ",".join(f"{name}={_quoted(value)}" for name, value in part.environment.items())
    return f"""
[program:{part.name}]
command = {command}
environment = {environment}
directory = {PROJECT}
autostart = false
autorestart = true
startretries = 5
stopwaitsecs = {part.stop_within}
killasgroup = true
redirect_stderr = true
stdout_logfile = {home.logs}/{part.name}.log
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 2
"""


def _quoted(word: str) -> str:
    """As supervisord reads it: shell quotes, and `%` doubled because it expands `%(name)s`."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _surroundings(home: Home) -> dict[str, str]:
    """This process's environment without what would leak from the caller's own settings, marked as the stack's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ZM_")} | {MARK: str(home.root)}
