"""What voting's processes are told by their environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from chassis.settings import ServiceSettings

DEVELOPMENT_KEY = "only for development and tests"


class Settings(ServiceSettings):
    """The processes of voting share these."""

    voter_key: SecretStr = Field(default=SecretStr(DEVELOPMENT_KEY), min_length=16)
    """Keys the pseudonyms of voters. Whoever knows it can find a voter again; another key makes all voters new."""
    channels: Mapping[str, str] = Field(default_factory=dict)
    """Which of a rulebook's channels a frontend account, or RabbitMQ user, hands ballots in for: `{"018…": "douyin"}`.
    Who is not listed is a channel of its own, under its own id, which every rulebook admits."""

    signing_key_file: Path | None = None
    """Ed25519 private key, PKCS#8 PEM, that closed tallies are signed with: one of those registration publishes. The
    tally does not start without it."""

    @model_validator(mode="after")
    def refuse_known_key(self) -> Self:
        """Refuse to run in production on the key everybody can read here."""
        if self.env == "production" and self.voter_key.get_secret_value() == DEVELOPMENT_KEY:
            raise ValueError("ZM_VOTER_KEY must be set in production")
        return self
