"""Tokens of every kind, good and bad, without a running issuer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.identity import Verifier
from chassis.ids import new_id
from chassis.service import Service
from contracts.ids import Role

NAME = "zhumeng"


class Issuer:
    """Signs tokens with a key of its own, which admitted services trust."""

    def __init__(self, kid: str = "test") -> None:
        self._kid = kid
        self._key = Ed25519PrivateKey.generate()

    async def find(self, kid: str | None) -> jwt.PyJWK | None:
        """The public key, as a `Keys` of the verifier."""
        if kid != self._kid:
            return None
        algorithm = jwt.get_algorithm_by_name("EdDSA")
        return jwt.PyJWK.from_dict(
            {**algorithm.to_jwk(self._key.public_key(), as_dict=True), "kid": kid, "alg": "EdDSA"}
        )

    def admit(self, service: Service) -> None:
        """Make a service trust this issuer and nobody else."""
        service.verifier = Verifier(self, NAME)

    def token(
        self, role: Role, account: str | None = None, expires_in: timedelta = timedelta(hours=1), **claims: Any
    ) -> str:
        """A signed token; a negative `expires_in` gives an expired one."""
        payload = {
            "iss": NAME,
            "sub": account or new_id(),
            "role": role,
            "exp": datetime.now(UTC) + expires_in,
            **claims,
        }
        return jwt.encode(payload, self._key, algorithm="EdDSA", headers={"kid": self._kid})
