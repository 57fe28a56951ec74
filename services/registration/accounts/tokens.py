"""Tokens: JWTs signed with the key whose public half registration publishes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from chassis.signing import SigningKey

LIFETIME = timedelta(hours=12)


@dataclass(frozen=True)
class Signer:
    """Signs tokens as an issuer."""

    key: SigningKey
    issuer: str

    def sign(self, account: str, claims: dict[str, Any], now: datetime) -> str:
        """A token for twelve hours from `now`."""
        times = {"iat": int(now.timestamp()), "exp": int((now + LIFETIME).timestamp())}
        return self.key.sign({"iss": self.issuer, "sub": account, **times, **claims})
