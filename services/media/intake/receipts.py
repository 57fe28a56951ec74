"""Receipts for tickets: compact JWS (RFC 7515, EdDSA) that anyone can verify with the published key."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.media.intake.models import Ticket

TYPE: Final = "zhumeng-receipt+jws"
"""Sets a receipt apart from a token one can sign in with."""
PROMISED: Final = {
    *("entry", "slot", "studio", "campaign", "revision"),
    *("name", "size", "sha256", "taken_at", "deadline", "drain_until"),
}


class Receipts:
    """Signs what a ticket promises, with the server's time."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        public = jwt.get_algorithm_by_name("EdDSA").to_jwk(key.public_key(), as_dict=True)
        self._jwk = {"kty": "OKP", "crv": "Ed25519", "x": public["x"]}
        self._kid = thumbprint(self._jwk)

    @classmethod
    def of(cls, file: Path | None) -> "Receipts":
        """Read the key; a missing one or one of another kind keeps the process from starting."""
        if file is None:
            raise ValueError("ZM_SIGNING_KEY_FILE is not set: receipts need an Ed25519 private key (PKCS#8 PEM)")
        key = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{file}: receipts are signed with Ed25519, this is another kind of key")
        return cls(key)

    def sign(self, ticket: Ticket) -> str:
        """The receipt: what was promised to whom, for which bytes, and when, by the server's clock."""
        said = ticket.model_dump(mode="json", include=PROMISED)
        payload = {"iss": "zhumeng/media", "ticket": ticket.id, "iat": int(ticket.taken_at.timestamp()), **said}
        return jwt.encode(payload, self._key, "EdDSA", {"kid": self._kid, "typ": TYPE})

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JWK set (RFC 7517)."""
        return {"keys": [{**self._jwk, "kid": self._kid, "alg": "EdDSA", "use": "sig"}]}


def thumbprint(jwk: dict[str, str]) -> str:
    """The key's name: its JWK thumbprint (RFC 7638)."""
    canonical = json.dumps({name: jwk[name] for name in ("crv", "kty", "x")}, sort_keys=True, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(canonical.encode()).digest()).rstrip(b"=").decode()
