"""Refusals of every service: one format, two languages, and nothing people typed in the log."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.refusal import Refused
from chassis.testing import Issuer, SetClock, client
from contracts.ids import Role
from services.media import app as media
from services.media.settings import Settings as MediaSettings
from services.notify import app as notify
from services.notify.settings import Settings as NotifySettings
from services.registration import app as registration
from services.registration.settings import Settings as RegistrationSettings
from services.review import app as review
from services.review.settings import Settings as ReviewSettings
from services.voting import app as voting
from services.voting.settings import Settings as VotingSettings

SERVICES: dict[str, tuple[Any, Any, Role, str]] = {
    "registration": (registration.build, RegistrationSettings, "studio", "/v1/entries/none"),
    "media": (media.build_api, MediaSettings, "studio", "/v1/materials/none"),
    "review": (review.build, ReviewSettings, "national", "/v1/studios/none"),
    "voting": (voting.build_api, VotingSettings, "frontend", "/v1/votes/none"),
    "notify": (notify.build, NotifySettings, "studio", "/v1/notices/none/read"),
}
"""How each is built, who calls it, and the path of something there is not."""
TYPED = "wei@example.org, 13800000000"


@pytest.fixture(params=SERVICES)
async def caller(
    request: pytest.FixtureRequest, settings_of: Any, issuer: Issuer, clock: SetClock, tmp_path: Path
) -> AsyncIterator[tuple[str, httpx.AsyncClient]]:
    """A service's name, and somebody signed in to it who it knows nothing of."""
    build, kind, role, _ = SERVICES[request.param]
    key = tmp_path / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    keyed = {"signing_key_file": key} if "signing_key_file" in kind.model_fields else {}
    service = build(settings_of(kind, **keyed), clock)
    issuer.admit(service)

    async def refuse() -> None:
        raise Refused(409, "answers_wrong", "填写有误。", "Wrong answers.", measured=TYPED, name=TYPED)

    service.routers[0].add_api_route("/v1/refused", refuse)
    async with client(service, issuer.token(role, studio="none", account="none")) as web:
        yield request.param, web
    await service.client.close()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, once it has been seen to be one in both languages."""
    said = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (said["status"], said["type"]) == (answer.status_code, f"urn:zhumeng:problem:{said['code']}")
    assert any("\u4e00" <= sign <= "\u9fff" for sign in said["zh"])
    assert said["en"].isascii()
    return answer.status_code, said["code"]


async def test_refusal_of_any_service_is_a_problem_in_chinese_and_english(
    caller: tuple[str, httpx.AsyncClient],
) -> None:
    name, web = caller
    path = SERVICES[name][3]
    method = "POST" if path.endswith("/read") else "GET"
    status, code = problem(await web.request(method, path))
    assert (status, code.isidentifier()) == (404, True)


async def test_log_line_of_a_refusal_names_its_facts_and_repeats_none(caller: tuple[str, httpx.AsyncClient]) -> None:
    _, web = caller
    with structlog.testing.capture_logs() as lines:
        answer = await web.get((await paths(web))["refused"])
    assert problem(answer) == (409, "answers_wrong")
    assert answer.json()["measured"] == TYPED
    (line,) = (line for line in lines if line["event"] == "refused")
    assert (line["code"], line["status"], line["facts"]) == ("answers_wrong", 409, ["measured", "name"])
    assert (line["path"].endswith("/refused"), "wei@" in str(lines), "138000" in str(lines)) == (True, False, False)


async def paths(web: httpx.AsyncClient) -> dict[str, str]:
    """The service's paths by their last part."""
    return {path.rsplit("/", 1)[-1]: path for path in (await web.get("/openapi.json")).json()["paths"]}
