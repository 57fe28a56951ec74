"""What registration is told by its environment."""

from pathlib import Path

from pydantic import SecretStr

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Beside what every service has: the signing key, the first administrator, the store of stamped scans."""

    signing_key_file: Path
    """PKCS#8 PEM of the Ed25519 key tokens are signed with."""
    admin_email: str | None = None
    admin_password: SecretStr | None = None
    """The first national administrator, opened at start where no account has that e-mail yet."""
    sweep_s: float = 2.0
    """Seconds between two looks for entries whose bytes never came."""
    s3_endpoint: str = "http://127.0.0.1:8333"
    s3_public_endpoint: str = "http://127.0.0.1:8080"
    """Where people reach the object store; links are signed for it."""
    s3_access_key: str = "zhumeng"
    s3_secret_key: str = "zhumeng-secret"
    s3_bucket: str = "zhumeng-material"
