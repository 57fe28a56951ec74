"""Accounts and tokens: opened once per e-mail, signed in to without a hint, verified by the published key."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.signing import SigningKey
from contracts.events.registration import AccountOpened
from services.registration.accounts.tokens import Signer
from tests.service.registration.factories import CHENGDU, GANSU, LANZHOU
from tests.service.registration.stage import Stage

NEW = {"email": "teacher@example.org", "password": "correct horse", "name": "示例联系人", "phone": "0931-0000000"}
ADMIN = {"email": "admin@example.org", "password": "first-admin-password"}


async def admin(stage: Stage) -> httpx.AsyncClient:
    """The first national administrator, signed in."""
    answer = await stage.anybody().post("/v1/tokens", json=ADMIN)
    return stage.bearer(answer.json()["access_token"])


async def test_account_opened_is_told_with_its_studio(stage: Stage) -> None:
    answer = await stage.anybody().post("/v1/accounts", json=NEW)
    await stage.bus.settle()
    opened = answer.json()
    (told,) = [each for each in stage.bus.told_of(AccountOpened) if each.account == opened["account"]]
    assert (answer.status_code, opened["role"]) == (201, "studio")
    assert (told.studio, told.pii.email, told.pii.name) == (opened["studio"], "teacher@example.org", "示例联系人")


async def test_password_is_kept_as_argon2id_with_19_mib(stage: Stage) -> None:
    opened = (await stage.anybody().post("/v1/accounts", json=NEW)).json()
    kept = await stage.service.database["accounts"].find_one({"_id": opened["account"]})
    assert kept is not None
    assert kept["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert "correct horse" not in str(await stage.documents())


async def test_email_in_another_spelling_is_the_same_account(stage: Stage) -> None:
    web = stage.anybody()
    await web.post("/v1/accounts", json=NEW)
    before = await stage.documents()
    taken = await web.post("/v1/accounts", json={**NEW, "email": " Ｔeacher@EXAMPLE.org "})
    signed_in = await web.post("/v1/tokens", json={"email": "TEACHER@example.org", "password": "correct horse"})
    assert (taken.status_code, taken.json()["code"]) == (409, "email_taken")
    assert await stage.documents() == before
    assert signed_in.status_code == 200


async def test_email_registered_many_times_at_once_is_opened_once(stage: Stage) -> None:
    web = stage.anybody()
    answers = await asyncio.gather(*(web.post("/v1/accounts", json=NEW) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert await stage.service.database["accounts"].count_documents({"email": "teacher@example.org"}) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"email": "no address"}, "email_wrong"), ({"password": "short"}, "password_wrong"), ({"name": ""}, "malformed")],
)
async def test_account_with_a_bad_field_is_refused(stage: Stage, changes: dict[str, str], code: str) -> None:
    before = await stage.documents()
    answer = await stage.anybody().post("/v1/accounts", json={**NEW, **changes})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert await stage.documents() == before


async def test_unknown_email_and_wrong_password_get_the_same_answer(stage: Stage) -> None:
    web = stage.anybody()
    await web.post("/v1/accounts", json=NEW)
    wrong = await web.post("/v1/tokens", json={"email": NEW["email"], "password": "battery staple"})
    unknown = await web.post("/v1/tokens", json={"email": "nobody@example.org", "password": "battery staple"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "sign_in_refused")
    assert (unknown.status_code, unknown.content) == (wrong.status_code, wrong.content)


async def test_token_is_verified_by_the_published_key_for_twelve_hours(stage: Stage) -> None:
    web = stage.anybody()
    opened = (await web.post("/v1/accounts", json=NEW)).json()
    answer = (await web.post("/v1/tokens", json={name: NEW[name] for name in ("email", "password")})).json()
    keys = jwt.PyJWKSet.from_dict((await web.get("/.well-known/jwks.json")).json())
    kid = jwt.get_unverified_header(answer["access_token"])["kid"]
    claims = jwt.decode(answer["access_token"], keys[kid], algorithms=["EdDSA"], issuer="zhumeng")
    assert (claims["sub"], claims["role"], claims["studio"]) == (opened["account"], "studio", opened["studio"])
    assert (claims["exp"] - claims["iat"], answer["expires_in"], answer["token_type"]) == (43200, 43200, "Bearer")


async def test_token_names_the_region_once_it_is_chosen(stage: Stage) -> None:
    web = await stage.signed_in()
    await web.put("/v1/studio/certification/region", json={"province": GANSU, "city": LANZHOU})
    body = {"email": "studio@example.org", "password": "correct horse"}
    token = (await stage.anybody().post("/v1/tokens", json=body)).json()
    assert (token["province"], token["city"]) == (GANSU, LANZHOU)


@pytest.mark.parametrize(
    ("kind", "code"), [("expired", "token_expired"), ("forged", "token_invalid"), ("foreign", "token_invalid")]
)
async def test_bad_token_is_refused_and_changes_nothing(
    stage: Stage, signing_key_file: Path, kind: str, code: str
) -> None:
    signer = Signer(SigningKey.read(signing_key_file), "zhumeng")
    forger = Signer(SigningKey(Ed25519PrivateKey.generate(), signer.key.public), "zhumeng")
    now = datetime.now(UTC)
    studio: dict[str, Any] = {"role": "studio", "studio": "some-studio"}
    token = {
        "expired": signer.sign("somebody", studio, now - timedelta(hours=12, seconds=1)),
        "forged": forger.sign("somebody", studio, now),
        "foreign": Signer(signer.key, "another issuer").sign("somebody", studio, now),
    }[kind]
    before = await stage.documents()
    page = {"province": GANSU, "city": LANZHOU}
    answer = await stage.bearer(token).put("/v1/studio/certification/region", json=page)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert await stage.documents() == before


async def test_first_admin_is_opened_once(stage: Stage) -> None:
    for prepare in stage.service.prepare:
        await prepare()
    opened = await stage.service.database["accounts"].find({"email": ADMIN["email"]}).to_list()
    assert [account["role"] for account in opened] == ["national"]


async def test_national_admin_opens_a_province_admin(stage: Stage) -> None:
    web = await admin(stage)
    person = {"email": "gansu@example.org", "password": "correct horse", "name": "省级管理员"}
    opened = await web.post("/v1/admin/accounts", json={**person, "role": "province", "province": GANSU})
    token = await stage.anybody().post("/v1/tokens", json={name: person[name] for name in ("email", "password")})
    assert (opened.status_code, opened.json()["studio"]) == (201, None)
    assert (token.json()["role"], token.json()["province"]) == ("province", GANSU)


@pytest.mark.parametrize(
    ("role", "region", "status"),
    [
        ("province", {}, 422),
        ("province", {"province": "999999"}, 422),
        ("province", {"province": GANSU, "city": LANZHOU}, 422),
        ("city", {"province": GANSU, "city": CHENGDU}, 422),
        ("city", {"province": GANSU, "city": LANZHOU}, 201),
        ("expert", {"province": GANSU}, 422),
        ("expert", {}, 201),
        ("studio", {}, 422),
    ],
)
async def test_admin_account_has_the_region_of_its_role(
    stage: Stage, role: str, region: dict[str, str], status: int
) -> None:
    web = await admin(stage)
    before = await stage.documents()
    person = {"email": "somebody@example.org", "password": "correct horse", "name": "管理员", "role": role}
    answer = await web.post("/v1/admin/accounts", json={**person, **region})
    assert answer.status_code == status
    assert (await stage.documents() == before) == (status != 201)


async def test_admin_account_opened_by_a_studio_is_denied(stage: Stage) -> None:
    web = await stage.signed_in()
    before = await stage.documents()
    person = {"email": "rogue@example.org", "password": "correct horse", "name": "管理员", "role": "national"}
    answer = await web.post("/v1/admin/accounts", json=person)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_not_allowed")
    assert await stage.documents() == before
