"""What the demo's people need of the world: services, files, the bus and time. The stack is one, a test another."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

import httpx

from contracts.ingress import BallotAnswer, HandInBallot
from contracts.rulebook import Moment, Rulebook
from deploy.demo.ledger import Ledger
from deploy.demo.show import Show

T = TypeVar("T")
PATIENCE_S: Final = 30.0
LATER: Final = frozenset({"still_being_checked"})
"""What waits for its turn behind others: whoever asked does something else meanwhile."""


class World(Protocol):
    """Where a campaign is run."""

    def service(self, name: str) -> httpx.AsyncClient:
        """A client whose base address is one service's, as frontends reach it."""

    @property
    def files(self) -> httpx.AsyncClient:
        """A client for the presigned addresses of the object store."""

    async def hand_in(self, ballot: HandInBallot, message_id: str) -> BallotAnswer:
        """Publish a ballot to the bus as the frontend and wait for its answer."""

    def now(self) -> datetime:
        """The instant by the clock the services go by."""

    async def pause(self, seconds: float) -> None:
        """Let time pass, and with it whatever is under way."""


class Denied(Exception):
    """A service refused what should have been granted."""

    def __init__(self, what: str, status: int, problem: dict[str, Any]) -> None:
        self.status, self.code = status, problem.get("code", "")
        super().__init__(f"{what} → {status} {self.code} {problem.get('zh', '')} {problem}"[:1500])


@dataclass(frozen=True)
class Stage:
    """One run: the world, the rules it goes by, the ledger of what was acknowledged, and what people see of it."""

    world: World
    rulebook: Rulebook
    ledger: Ledger
    show: Show
    bells: dict[str, asyncio.Event] = field(default_factory=dict)

    def bell(self, subject: str) -> asyncio.Event:
        """Rings when a province has decided on a subject; who waits for that need not keep asking."""
        return self.bells.setdefault(subject, asyncio.Event())

    async def until(self, what: str, look: Callable[[], Awaitable[T | None]], within_s: float = PATIENCE_S) -> T:
        """Look again and again, ever less often, until there is something; TimeoutError says what there was not."""
        end, pause = time.monotonic() + within_s, 0.2
        while (found := await look()) is None:
            if time.monotonic() > end:
                raise TimeoutError(f"等待超时 waited {within_s:.0f} s in vain: {what}")
            await self.world.pause(pause)
            pause = min(pause * 1.5, 0.5)
        return found

    async def until_moment(self, moment: Moment) -> None:
        """Wait for an instant of the campaign's calendar."""
        while (left := (moment.instant - self.world.now()).total_seconds()) > 0:
            await self.world.pause(left)


@dataclass(frozen=True)
class Person:
    """Somebody, signed in or not, who talks to the services."""

    world: World
    token: str | None = None

    async def get(self, path: str, **query: Any) -> Any:
        """Read `service/v1/…`."""
        return (await self.ask("GET", path, params=query)).json()

    async def post(self, path: str, body: Any = None) -> Any:
        """Ask `service/v1/…` to do something."""
        return (await self.ask("POST", path, json=body)).json()

    async def put(self, path: str, body: Any) -> Any:
        """Save `service/v1/…`."""
        return (await self.ask("PUT", path, json=body)).json()

    async def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        """Send a request, again while the answer says to come back in a moment; Denied for any other refusal, and where
        something is `LATER`."""
        service, _, rest = path.partition("/")
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = await self.world.service(service).request(method, f"/{rest}", headers=headers, **sent)
            if answer.is_success:
                return answer
            denied = Denied(f"{method} {path}", answer.status_code, _problem(answer))
            if "retry-after" not in answer.headers or denied.code in LATER or time.monotonic() > end:
                raise denied
            await self.world.pause(0.2)


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found: dict[str, Any] = answer.json()
    except ValueError:
        return {"zh": answer.text[:300]}
    return found
