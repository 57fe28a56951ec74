"""A vote in the open window of the 2023 campaign, both processes on one bus."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.testing import Issuer, MemoryBus, SetClock, client
from contracts.rulebook import SHIPPED
from services.voting.app import build_api, build_tally, taking
from services.voting.settings import Settings
from services.voting.store import VotingStore
from tests.service.voting.world import Vote


@pytest.fixture
def clock() -> SetClock:
    """A clock that stands inside the voting window."""
    return SetClock(datetime(2023, 9, 10, 4, tzinfo=UTC))


@pytest.fixture
def rulebooks() -> Path:
    """The campaigns there are."""
    return SHIPPED


@pytest.fixture
async def vote(
    bus: MemoryBus, clock: SetClock, issuer: Issuer, settings_of: Any, rulebooks: Path, tmp_path: Path
) -> AsyncIterator[Vote]:
    """Everything joined, nothing votable yet."""
    key = tmp_path / "signing.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = settings_of(Settings, signing_key_file=key, rulebooks=rulebooks)
    api, tally = build_api(settings, clock), build_tally(settings, clock)
    for service in (api, tally):
        issuer.admit(service)
        await bus.join(service)
    token = issuer.token("frontend", account="douyin-account")
    async with client(api, token) as channel, client(api) as public:
        yield Vote(api, tally, bus, clock, VotingStore(api.database), taking(api, settings), channel, public)
    for service in (api, tally):
        await service.client.close()
