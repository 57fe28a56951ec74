"""Ways to see that something answers."""

import socket
from collections.abc import Callable
from functools import cache

import httpx

from deploy.local.part import NotReady


def listens(port: int) -> Callable[[], None]:
    """Ready when the TCP port accepts."""

    def probe() -> None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError as error:
            raise NotReady(f"nothing listens on port {port}") from error

    return probe


def answers(url: str, auth: tuple[str, str] | None = None) -> Callable[[], None]:
    """Ready when a GET of the address answers 200."""
    # One client per probe, made at its first use: making one reads every certificate authority of the machine.
    client = cache(lambda: httpx.Client(auth=auth, timeout=2, trust_env=False, verify=False))

    def probe() -> None:
        try:
            answer = client().get(url)
        except httpx.TransportError as error:
            raise NotReady(f"{url} does not answer") from error
        if answer.status_code != httpx.codes.OK:
            raise NotReady(f"{url} answers {answer.status_code}: {answer.text[:500]}")

    return probe
