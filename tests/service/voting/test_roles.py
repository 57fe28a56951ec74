"""Every route of voting × every role: who may not is denied, changes nothing, and leaves one line."""

from typing import Any

import pytest
import structlog
from fastapi.routing import APIRoute

from chassis.identity import ROLES
from chassis.testing import Issuer, client
from tests.service.voting.world import BOOK, Vote

EVERYBODY: tuple[str | None, ...] = (None, *ROLES)
CAMPAIGN = "/v1/campaigns/{campaign}"
RULING = {"do": "void", "reason": "经核查", "where": {"state": "held"}}
MATRIX: dict[str, tuple[tuple[str | None, ...], Any]] = {
    "POST /v1/votes": (("frontend",), {"campaign": BOOK.id, "entry": "bridge", "voter": "wei"}),
    "GET /v1/votes/{ballot}": (EVERYBODY, None),
    f"GET {CAMPAIGN}/entries": (EVERYBODY, None),
    f"GET {CAMPAIGN}/tally": (EVERYBODY, None),
    f"GET {CAMPAIGN}/tally/events": (EVERYBODY, None),
    f"GET {CAMPAIGN}/ballots": (("national", "ops"), None),
    f"GET {CAMPAIGN}/held": (("national", "ops"), None),
    f"GET {CAMPAIGN}/rulings": (("national", "ops"), None),
    f"GET {CAMPAIGN}/rulings/{{ruling}}": (("national", "ops"), None),
    f"PUT {CAMPAIGN}/rulings/{{ruling}}": (("national",), RULING),
}
"""Who may call each route, and a body for it."""
IDS = {"campaign": BOOK.id, "ballot": "none", "ruling": "r"}


def routes(vote: Vote) -> set[str]:
    """The route table of the API process."""
    found = [route for router in vote.api.routers for route in router.routes]
    assert {type(route) for route in found} == {APIRoute}
    lanes = {f"{lane.method} {lane.path}" for lane in vote.api.lanes}
    return lanes | {
        f"{method} {route.path}" for route in found if isinstance(route, APIRoute) for method in route.methods or ()
    }


async def call(vote: Vote, issuer: Issuer, name: str, role: Any) -> Any:
    method, path = name.split()
    async with client(vote.api, issuer.token(role) if role else None) as web:
        return await web.request(method, path.format(**IDS), json=MATRIX[name][1], params={"state": "held"})


async def kept(vote: Vote) -> dict[str, list[dict[str, Any]]]:
    names = await vote.api.database.list_collection_names()
    return {name: await vote.api.database[name].find().sort("_id").to_list() for name in sorted(names)}


async def test_every_route_is_in_the_matrix(vote: Vote) -> None:
    assert routes(vote) == set(MATRIX)


@pytest.mark.parametrize("role", EVERYBODY)
async def test_who_may_not_is_denied_and_changes_nothing(vote: Vote, issuer: Issuer, role: str | None) -> None:
    await vote.open("bridge")
    before = await kept(vote)
    expected = (401, "token_missing") if role is None else (403, "role_not_allowed")
    for name in (name for name, (allowed, _) in MATRIX.items() if role not in allowed):
        with structlog.testing.capture_logs() as lines:
            answer = await call(vote, issuer, name, role)
        assert (name, answer.status_code, answer.json()["code"]) == (name, *expected)
        assert [line["event"] for line in lines].count("refused") == 1
    assert await kept(vote) == before


async def test_who_may_is_let_in(vote: Vote, issuer: Issuer) -> None:
    await vote.open("bridge")
    for name, (allowed, _) in MATRIX.items():
        if not name.endswith("/events"):  # it does not end
            for role in allowed:
                answer = await call(vote, issuer, name, role)
                assert (name, role, answer.status_code in {401, 403}) == (name, role, False)
