"""What a process is told by its environment (`ZM_…`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Every process's settings; a service's own derive from it and add theirs."""

    model_config = SettingsConfigDict(env_prefix="ZM_", frozen=True, extra="ignore")

    env: Literal["local", "test", "production"] = "local"
    log: Literal["json", "console"] = "console"
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    amqp_url: str = "amqp://guest:guest@127.0.0.1:5672/"
    stream_url: str = "rabbitmq-stream://guest:guest@127.0.0.1:5552/"
    """RabbitMQ's stream protocol, for who writes or reads the vote stream."""
    mongo_url: str = "mongodb://127.0.0.1:27017/?replicaSet=rs0"
    mongo_prefix: str = "zhumeng_"
    """A service's database is this and its name: `zhumeng_media`."""
    jwks_url: str = "http://127.0.0.1:8000/.well-known/jwks.json"
    issuer: str = "zhumeng"
    audience: str | None = None
    """The `aud` tokens must carry; set it where another issuer than registration signs them."""
    public_url: str = "http://127.0.0.1:8080"
    """The one origin people see; links in notices start with it."""
    rulebooks: Path = Path(__file__).parent.parent / "contracts" / "campaigns"
    retry_delays: tuple[float, ...] = Field(default=(1, 5, 30, 120, 600, 1800), min_length=1)
    """Seconds a failed delivery waits before each next try; when they run out it is parked."""
    otlp_endpoint: str | None = None
    """Where traces go; none are made while it is empty."""
