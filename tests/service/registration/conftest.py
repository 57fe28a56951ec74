"""The registration service on a real MongoDB and a real S3 store, with a set clock and a bus in memory."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chassis.testing import MemoryBus, SetClock
from services.registration.app import build
from services.registration.settings import Settings
from tests.service.registration.stage import Stage
from tests.support.kinds import ObjectStore


@pytest.fixture
def signing_key_file(tmp_path: Path) -> Path:
    """A fresh Ed25519 key as PKCS#8 PEM."""
    file = tmp_path / "signing.pem"
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def settings(settings_of: Any, signing_key_file: Path, s3: ObjectStore) -> Settings:
    made: Settings = settings_of(
        Settings,
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
async def stage(settings: Settings, bus: MemoryBus, clock: SetClock) -> Stage:
    """Registration alone on the bus, trusting the tokens it issues itself."""
    return Stage(await bus.join(build(settings, clock)), bus, clock)
