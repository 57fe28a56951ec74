"""Tokens: JWTs signed with Ed25519, and the public key everybody verifies them with."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import OKPAlgorithm

LIFETIME = timedelta(hours=12)


@dataclass(frozen=True)
class Signer:
    """Signs tokens, and gives its own public key to this process's verifier."""

    key: Ed25519PrivateKey
    issuer: str
    public: dict[str, Any]
    """The public key as a JWK whose `kid` is its RFC 7638 thumbprint."""

    @classmethod
    def read(cls, file: Path, issuer: str) -> Self:
        """The signer of a PKCS#8 PEM file; ValueError where that holds another kind of key."""
        key = load_pem_private_key(file.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{file}: an Ed25519 private key is needed, this is {type(key).__name__}")
        point: dict[str, Any] = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return cls(key, issuer, {**point, "kid": _thumbprint(point), "use": "sig", "alg": "EdDSA"})

    def sign(self, account: str, claims: dict[str, Any], now: datetime) -> str:
        """A token for twelve hours from `now`."""
        times = {"iat": now, "exp": now + LIFETIME}
        payload = {"iss": self.issuer, "sub": account, **times, **claims}
        return jwt.encode(payload, self.key, algorithm="EdDSA", headers={"kid": self.public["kid"]})

    def jwks(self) -> dict[str, list[dict[str, Any]]]:
        """The key set to publish (RFC 7517)."""
        return {"keys": [self.public]}

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The key for this process's own verifier, which so needs nobody to ask."""
        return jwt.PyJWK.from_dict(self.public) if kid == self.public["kid"] else None


def _thumbprint(point: dict[str, Any]) -> str:
    """RFC 7638: SHA-256 over the required members, in order, without blanks."""
    canonical = json.dumps({name: point[name] for name in ("crv", "kty", "x")}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
