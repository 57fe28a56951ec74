"""What is signed is verified by the published key alone, as the kind of thing it is, and comes out byte by byte."""

from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from chassis.signing import SigningKey, verified

SAID = {"votes": 2, "campaign": "筑梦"}
KIND = "zhumeng-test+jws"


def key_file(folder: Path, key: Ed25519PrivateKey) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    """The key of RFC 8037, appendix A."""
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    return SigningKey.read(key_file(tmp_path, Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))))


def test_key_is_published_under_its_thumbprint_and_without_its_secret(key: SigningKey) -> None:
    assert key.jwks() == {
        "keys": [
            {
                "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "use": "sig", "alg": "EdDSA",
            }
        ]
    }  # fmt: skip


async def test_what_is_signed_is_canonical_and_the_same_every_time(key: SigningKey) -> None:
    signed = key.sign(SAID, KIND)
    assert await verified(signed, KIND, key) == '{"campaign":"筑梦","votes":2}'.encode()
    assert key.sign(dict(reversed(SAID.items())), KIND) == signed
    assert jwt.get_unverified_header(signed) == {"alg": "EdDSA", "kid": key.public["kid"], "typ": KIND}


async def test_what_is_altered_foreign_or_of_another_kind_is_not_verified(key: SigningKey) -> None:
    signed = key.sign(SAID, KIND)
    header, payload, signature = signed.split(".")
    altered = f"{header}.{'A' if payload[0] != 'A' else 'B'}{payload[1:]}.{signature}"
    forged = SigningKey(Ed25519PrivateKey.generate(), key.public).sign(SAID, KIND)
    unknown = SigningKey(key.key, {**key.public, "kid": "another"}).sign(SAID, KIND)
    for bad in (altered, forged, unknown, key.sign(SAID), "no signature at all", ""):
        assert (bad, await verified(bad, KIND, key)) == (bad, None)


async def test_what_an_earlier_key_signed_is_verified_for_as_long_as_that_is_published(
    key: SigningKey, tmp_path: Path
) -> None:
    signed = key.sign(SAID, KIND)
    newer = key_file(tmp_path, Ed25519PrivateKey.generate())
    assert await verified(signed, KIND, SigningKey.read(newer)) is None
    public = key.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    newer.write_bytes(newer.read_bytes() + public)
    both = SigningKey.read(newer)
    assert await verified(signed, KIND, both) == await verified(both.sign(SAID, KIND), KIND, both)
    assert both.jwks()["keys"] == [both.public, key.public]


def test_key_that_is_missing_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = generate_private_key(SECP256R1())
    (tmp_path / "key.pem").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ValueError, match="an Ed25519 private key is needed"):
        SigningKey.read(tmp_path / "key.pem")
    own = key_file(tmp_path, Ed25519PrivateKey.generate())
    foreign = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own.write_bytes(own.read_bytes() + foreign)
    with pytest.raises(ValueError, match="Ed25519 public keys"):
        SigningKey.read(own)
    with pytest.raises(ValueError, match="ZM_SIGNING_KEY_FILE"):
        SigningKey.read(None)
