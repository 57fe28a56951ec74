"""What is signed: compact JWS (RFC 7515, EdDSA) over canonical JSON, which anybody verifies with the published keys."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt.algorithms import OKPAlgorithm

from chassis.identity import Keys
from contracts.canonical import canonical_json

PEM: Final = re.compile(rb"-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----")


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key that signs, its public half to publish, and the public halves of those that signed before it:
    what they signed stays verifiable for as long as they are published."""

    key: Ed25519PrivateKey
    public: dict[str, Any]
    """The public key as a JWK whose `kid` is its RFC 7638 thumbprint."""
    earlier: tuple[dict[str, Any], ...] = ()

    @classmethod
    def read(cls, file: Path | None) -> Self:
        """The key of a PEM file: a private one (PKCS#8), then any number of public ones (SPKI) that signed earlier.
        ValueError where there is none, or one of another kind."""
        if file is None:
            raise ValueError("ZM_SIGNING_KEY_FILE is not set: an Ed25519 private key (PKCS#8 PEM) is needed")
        first, *others = PEM.findall(file.read_bytes()) or [b""]
        key = load_pem_private_key(first, password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{file}: an Ed25519 private key is needed, this is {type(key).__name__}")
        earlier = list(map(load_pem_public_key, others))
        public = [each for each in earlier if isinstance(each, Ed25519PublicKey)]
        if len(public) < len(earlier):
            raise ValueError(f"{file}: what follows the private key has to be Ed25519 public keys")
        return cls(key, _jwk(key.public_key()), tuple(map(_jwk, public)))

    def sign(self, said: Mapping[str, Any], kind: str = "JWT") -> str:
        """What is said, signed: the same bytes whenever the same is said. `kind` sets it apart from what else the key
        signs, above all from tokens one can sign in with."""
        return jwt.PyJWS().encode(canonical_json(said), self.key, "EdDSA", {"kid": self.public["kid"], "typ": kind})

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The key set to publish (RFC 7517)."""
        return {"keys": [self.public, *self.earlier]}

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The key for this process's own verifier, which so needs nobody to ask."""
        return next((jwt.PyJWK.from_dict(key) for key in self.jwks()["keys"] if kid == key["kid"]), None)


async def verified(signed: str, kind: str, keys: Keys) -> bytes | None:
    """The bytes that were signed as this kind of thing by one of the keys; None where they were not."""
    try:
        header = jwt.get_unverified_header(signed)
        if header.get("typ") != kind or (key := await keys.find(header.get("kid"))) is None:
            return None
        said: bytes = jwt.PyJWS().decode(signed, key, algorithms=["EdDSA"])
    except jwt.PyJWTError:
        return None
    return said


def _jwk(key: Ed25519PublicKey) -> dict[str, Any]:
    point: dict[str, Any] = OKPAlgorithm.to_jwk(key, as_dict=True)
    return {**point, "kid": _thumbprint(point), "use": "sig", "alg": "EdDSA"}


def _thumbprint(point: Mapping[str, Any]) -> str:
    """RFC 7638: SHA-256 over the required members, in order, without blanks."""
    required = canonical_json({name: point[name] for name in ("crv", "kty", "x")})
    return base64.urlsafe_b64encode(hashlib.sha256(required).digest()).rstrip(b"=").decode()
