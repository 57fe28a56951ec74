"""What an account needs, how its password is kept, how its token is signed."""

import time
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from services.registration.accounts.passwords import Passwords
from services.registration.accounts.rules import normalised
from services.registration.accounts.tokens import Signer


@pytest.mark.parametrize("written", [" Teacher@Example.ORG ", "ｔｅａｃｈｅｒ＠ｅｘａｍｐｌｅ．ｏｒｇ"])
def test_email_has_one_spelling(written: str) -> None:
    assert normalised(written) == "teacher@example.org"


async def test_password_matches_its_own_hash_alone() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("correct horse")
    assert [await passwords.matches(kept, tried) for tried in ("correct horse", "battery staple")] == [True, False]
    assert await passwords.matches(None, "nobody's password") is False
    assert await passwords.matches("no hash at all", "correct horse") is False


async def test_unknown_account_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    kept = await passwords.hashed("correct horse")

    async def fastest(hashed: str | None) -> float:
        took = []
        for _ in range(8):
            started = time.process_time()  # of this process, however busy the machine is with others
            await passwords.matches(hashed, "battery staple")
            took.append(time.process_time() - started)
        return min(took)

    assert 0.4 < await fastest(None) / await fastest(kept) < 2.5


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


async def test_key_id_is_the_thumbprint_of_the_key(tmp_path: Path) -> None:
    # the key and thumbprint of RFC 8037, appendix A
    (tmp_path / "key.pem").write_bytes(
        pem(
            Ed25519PrivateKey.from_private_bytes(
                bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            )
        )
    )
    signer = Signer.read(tmp_path / "key.pem", "zhumeng")
    token = signer.sign("somebody", {"role": "studio"}, datetime.now(UTC))
    assert signer.public["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": signer.public["kid"], "typ": "JWT"}
    assert await signer.find("another") is None
    assert "d" not in signer.public


def test_key_of_another_kind_is_refused_at_start(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError, match="an Ed25519 private key is needed"):
        Signer.read(tmp_path / "key.pem", "zhumeng")
