"""The registration service on a real MongoDB and a real S3 store, with a set clock and a bus in memory."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.identity import Keys, Verifier
from chassis.testing import Issuer, MemoryBus, SetClock
from contracts.rulebook import SHIPPED
from services.registration.app import build
from services.registration.settings import Settings
from tests.service.registration.factories import CAMPAIGN
from tests.service.registration.stage import Stage
from tests.support.kinds import ObjectStore


@pytest.fixture
def signing_key_file(tmp_path: Path) -> Path:
    """A fresh Ed25519 key as PKCS#8 PEM."""
    file = tmp_path / "signing.pem"
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture(scope="session")
def rulebooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the one rulebook these tests speak of, which is read anew for every test."""
    folder = tmp_path_factory.mktemp("rulebooks")
    shutil.copy(SHIPPED / f"{CAMPAIGN}.yaml", folder)
    return folder


@pytest.fixture
def settings(settings_of: Any, signing_key_file: Path, s3: ObjectStore, rulebooks: Path) -> Settings:
    made: Settings = settings_of(
        Settings,
        rulebooks=rulebooks,
        signing_key_file=signing_key_file,
        admin_email="admin@example.org",
        admin_password="first-admin-password",
        s3_endpoint=s3.endpoint,
        s3_public_endpoint=s3.endpoint,
        s3_access_key=s3.access_key,
        s3_secret_key=s3.secret_key,
        s3_bucket=s3.bucket,
    )
    return made


@pytest.fixture
async def stage(settings: Settings, bus: MemoryBus, clock: SetClock, issuer: Issuer) -> Stage:
    """Registration alone on the bus, trusting the tokens it issues itself and those of the test's issuer."""
    service = await bus.join(build(settings, clock))
    service.verifier = Verifier(Either(service.verifier.keys, issuer), settings.issuer)
    return Stage(service, bus, clock, issuer)


@dataclass(frozen=True)
class Either:
    """The keys of two issuers."""

    one: Keys
    other: Keys

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        return await self.one.find(kid) or await self.other.find(kid)
