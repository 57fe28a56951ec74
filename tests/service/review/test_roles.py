"""Every route of the service × every role × a foreign province: denied, nothing changed, no hint, one line."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import structlog
from fastapi.routing import APIRoute

from chassis.identity import ROLES
from chassis.testing import Issuer, client
from tests.service.review.conftest import CLAIMS, World
from tests.service.review.events import CAMPAIGN, EVALUATION, closed, reason, registered, submitted

EVERYBODY: tuple[str | None, ...] = (
    None,
    "studio",
    "lanzhou",
    "gansu",
    "national",
    "expert",
    "frontend",
    "ops",
    "analytics",
)
ADMINS = ("lanzhou", "gansu", "national")
BACK = {"reasons": [reason("whole", "off-theme")]}


@dataclass(frozen=True)
class Case:
    """Who may call a route, how, and what a foreign province's admin is answered (None: it may not call it)."""

    allowed: tuple[str | None, ...]
    foreign: int | None = None
    body: Any = None
    params: dict[str, str] = field(default_factory=dict)


MATRIX = {
    "GET /v1/queue": Case(ADMINS, 200, params={"kind": "entry"}),
    "GET /v1/queue.csv": Case(ADMINS, 200, params={"kind": "entry"}),
    "GET /v1/summary": Case(ADMINS, 200),
    "GET /v1/studios/{studio}": Case(ADMINS, 404),
    "GET /v1/entries/{entry}": Case(ADMINS, 404),
    "POST /v1/studios/{studio}/approve": Case(("gansu",), 404),
    "POST /v1/studios/{studio}/return": Case(("gansu",), 404, {"reasons": [reason("whole", "not-eligible")]}),
    "POST /v1/entries/approve": Case(("gansu",), 200, {"entries": ["entry-1"]}),
    "POST /v1/entries/{entry}/approve": Case(("gansu",), 404),
    "POST /v1/entries/{entry}/return": Case(("gansu",), 404, BACK),
    "POST /v1/scores": Case(
        ("expert",), None, {"campaign": CAMPAIGN, "studio": "studio-1", "dimension": "team", "score": 1}
    ),
    "POST /v1/campaigns/{campaign}/results": Case(("national",)),
    "GET /v1/campaigns/{campaign}/results": Case(EVERYBODY),
}
IDS = {"studio": "studio-1", "entry": "entry-1", "campaign": CAMPAIGN}


@pytest.fixture
async def filled(world: World) -> World:
    """A studio and an entry of Lanzhou that wait."""
    await world.hear(registered(), submitted())
    return world


def routes(world: World) -> set[str]:
    """The service's route table; a route of a kind this cannot read fails."""
    found = [route for router in world.service.routers for route in router.routes]
    assert {type(route) for route in found} == {APIRoute}
    return {
        f"{method} {route.path}" for route in found if isinstance(route, APIRoute) for method in route.methods or ()
    }


async def call(world: World, name: str, who: str | None) -> Any:
    method, path = name.split()
    case = MATRIX[name]
    async with world.as_(who) as http:
        return await http.request(method, path.format(**IDS), json=case.body, params=case.params)


async def kept(world: World) -> dict[str, list[dict[str, Any]]]:
    """Everything the service keeps."""
    names = await world.service.database.list_collection_names()
    return {name: await world.service.database[name].find().sort("_id").to_list() for name in sorted(names)}


async def test_every_route_is_in_the_matrix(filled: World) -> None:
    assert routes(filled) == set(MATRIX)


@pytest.mark.parametrize("who", EVERYBODY)
async def test_roles_without_the_right_are_denied(filled: World, who: str | None) -> None:
    before = await kept(filled)
    expected = (401, "token_missing") if who is None else (403, "role_not_allowed")
    for name in (name for name, case in MATRIX.items() if who not in case.allowed):
        with structlog.testing.capture_logs() as lines:
            answer = await call(filled, name, who)
        assert (name, answer.status_code, answer.json()["code"]) == (name, *expected)
        assert [line["event"] for line in lines].count("refused") == 1
    assert await kept(filled) == before


async def test_foreign_province_learns_and_changes_nothing(filled: World) -> None:
    before = await kept(filled)
    for name in (name for name, case in MATRIX.items() if case.foreign is not None):
        with structlog.testing.capture_logs() as lines:
            answer = await call(filled, name, "sichuan")
        assert (name, answer.status_code) == (name, MATRIX[name].foreign)
        hints = [
            told for told in ("桥为什么不怕水", "黄河之声", "account-of-studio-1", "620100") if told in answer.text
        ]
        assert (name, hints) == (name, [])
        refusals = [line["event"] for line in lines].count("refused")
        assert (name, refusals) == (name, 1 if answer.status_code == 404 else 0)
    assert await kept(filled) == before


async def test_roles_with_the_right_are_let_in(filled: World) -> None:
    for name, case in MATRIX.items():
        for who in case.allowed:
            answer = await call(filled, name, who)
            assert (name, who, answer.status_code in {401, 403}) == (name, who, False)


async def test_matrix_knows_every_role(filled: World) -> None:
    assert {CLAIMS[who][0] for who in EVERYBODY if who} == set(ROLES)


async def test_bad_tokens_are_refused(filled: World) -> None:
    bad = {
        "token_expired": filled.issuer.token("province", province="620000", expires_in=timedelta(seconds=-1)),
        "token_invalid": Issuer().token("province", province="620000"),
    }
    before = await kept(filled)
    for code, token in bad.items():
        async with client(filled.service, token) as http:
            answer = await http.post("/v1/entries/entry-1/approve")
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert await kept(filled) == before


async def test_results_need_no_token_once_published(filled: World) -> None:
    await call(filled, "POST /v1/entries/{entry}/approve", "gansu")
    await filled.hear(closed({"entry-1": 1}))
    filled.clock.set(EVALUATION.replace(month=11, day=7))
    await call(filled, "POST /v1/campaigns/{campaign}/results", "national")
    for who in EVERYBODY:
        assert (await call(filled, "GET /v1/campaigns/{campaign}/results", who)).status_code == 200
