"""Expired and forged tokens open nothing: media, voting and notify refuse them and nothing is changed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.service import Service
from chassis.testing import Issuer, SetClock, client
from services.media.app import build_api as media_of
from services.media.settings import Settings as MediaSettings
from services.notify.app import build as notify_of
from services.notify.settings import Settings as NotifySettings
from services.voting.app import build_api as voting_of
from services.voting.settings import Settings as VotingSettings

TICKET = {"entry": "e-1", "slot": "video", "name": "活动视频.zip", "size": 1, "sha256": "0" * 64}
BALLOT = {"campaign": "cloud-studio-2023", "entry": "e-1", "voter": "v-1"}
WRITES: dict[str, tuple[Any, str, Any]] = {
    "media": ("studio", "/v1/tickets", TICKET),
    "voting": ("frontend", "/v1/votes", BALLOT),
    "notify": ("studio", "/v1/notices/n-1/read", None),
}


def built(name: str, settings_of: Any, clock: SetClock, key: Path) -> Service:
    match name:
        case "media":
            key.write_bytes(
                Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            )
            return media_of(settings_of(MediaSettings, signing_key_file=key), clock)
        case "voting":
            return voting_of(settings_of(VotingSettings), clock)
        case _:
            return notify_of(settings_of(NotifySettings), clock)


async def documents(service: Service) -> dict[str, list[dict[str, Any]]]:
    names = sorted(await service.database.list_collection_names())
    return {name: await service.database[name].find().to_list() for name in names}


@pytest.mark.parametrize("name", sorted(WRITES))
async def test_expired_and_forged_tokens_are_refused_and_change_nothing(
    name: str, settings_of: Any, clock: SetClock, issuer: Issuer, tmp_path: Path
) -> None:
    service = built(name, settings_of, clock, tmp_path / "signing.pem")
    issuer.admit(service)
    role, path, body = WRITES[name]
    claims: dict[str, Any] = {"account": "a-1", "studio": "s-1"}
    good = issuer.token(role, **claims)
    tokens = [
        (issuer.token(role, expires_in=timedelta(seconds=-1), **claims), "token_expired"),
        (Issuer().token(role, **claims), "token_invalid"),
        (Issuer("other").token(role, **claims), "token_invalid"),
        (f"{good.rpartition('.')[0]}.{'A' * 86}", "token_invalid"),
        ("no token at all", "token_invalid"),
    ]
    before = await documents(service)
    for token, code in tokens:
        async with client(service, token) as web:
            answer = await web.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert await documents(service) == before
    async with client(service, good) as web:
        assert (await web.post(path, json=body)).status_code != 401
    await service.client.close()
