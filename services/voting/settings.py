"""What voting's processes are told by their environment."""

import base64
import binascii
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings

DEVELOPMENT_KEY = "only for development and tests"
SECRET_PREFIX = "whsec_"


class Channel(BaseModel):
    """What was agreed with a channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    accounts: tuple[str, ...] = ()
    """Frontend accounts, and RabbitMQ users, that hand ballots in for it. Where none is listed, the channel is the
    account of this very id."""
    ballots_per_s: float = Field(default=50_000, gt=0, allow_inf_nan=False)
    """Ballots a second over HTTP, at each process. By default what the largest public vote known took in its busiest
    minute, and twice what a process takes: who was granted nothing in particular is never refused for speed."""
    burst_s: float = Field(default=2, ge=0, allow_inf_nan=False)
    """So many seconds' worth may come at once, and a full batch in any case."""
    secret: SecretStr | None = None
    """Signs its requests: `whsec_` and 24 to 64 random bytes in base64."""
    signed: Literal["optional", "required"] = "optional"

    @field_validator("secret")
    @classmethod
    def refuse_weak_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        """Refuse, without repeating it, what is no secret of the length that HMAC-SHA256 wants."""
        if secret is not None and not 24 <= len(key_of(secret)) <= 64:
            raise ValueError(f"write {SECRET_PREFIX} and 24 to 64 random bytes in base64")
        return secret

    @model_validator(mode="after")
    def refuse_required_without_secret(self) -> Self:
        """Refuse to require what cannot be checked."""
        if self.signed == "required" and self.secret is None:
            raise ValueError("signed: required needs a secret")
        return self


class Settings(ServiceSettings):
    """The processes of voting share these."""

    model_config = SettingsConfigDict(hide_input_in_errors=True)

    voter_key: SecretStr = Field(default=SecretStr(DEVELOPMENT_KEY), min_length=16)
    """Keys the pseudonyms of voters. Whoever knows it can find a voter again; another key makes all voters new."""
    channels: Mapping[str, Channel] = Field(default_factory=dict)
    """What was agreed with channels, by the rulebook's id of each: `{"douyin": {"accounts": ["018…"]}}`.
    An account that is not listed is a channel of its own, under its own id, which every rulebook admits."""

    @field_validator("channels")
    @classmethod
    def refuse_account_of_two_channels(cls, channels: Mapping[str, Channel]) -> Mapping[str, Channel]:
        """Refuse an account listed more than once."""
        listed = Counter(account for channel in channels.values() for account in channel.accounts)
        if twice := sorted(account for account, times in listed.items() if times > 1):
            raise ValueError(f"listed more than once: {', '.join(twice)}")
        return channels

    vote_partitions: int = Field(default=1, ge=1, le=100)
    """Streams the votes lie in: one plain stream, or the partitions of a super stream, for which RabbitMQ 3.11 or later
    is needed. It may be raised; lower it only with `zhumeng votes rebuild`. The same for all of `voting-api`; the tally
    reads what there is."""

    signing_key_file: Path | None = None
    """Ed25519 private key, PKCS#8 PEM, that closed tallies are signed with: one of those registration publishes. The
    tally does not start without it."""

    @model_validator(mode="after")
    def refuse_known_key(self) -> Self:
        """Refuse to run in production on the key everybody can read here."""
        if self.env == "production" and self.voter_key.get_secret_value() == DEVELOPMENT_KEY:
            raise ValueError("ZM_VOTER_KEY must be set in production")
        return self


def key_of(secret: SecretStr) -> bytes:
    """The key in a secret; empty where it is not written as one."""
    try:
        return base64.b64decode(secret.get_secret_value().removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        return b""
