"""What notify is told by its environment."""

from datetime import timedelta

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Notify's one process."""

    smtp_url: str = "smtp://127.0.0.1:1025"
    """The mail server: `smtp://host:port`, `smtps://user:password@host:465`; STARTTLS is used where it is offered."""
    mail_from: str = "科创筑梦 <no-reply@zhumeng.example.org>"
    digest_every: timedelta = timedelta(minutes=30)
    """An admin gets at most one mail in this time, with everything that came meanwhile."""
    time_zone: str = "Asia/Shanghai"
    """IANA name of the zone that times in notices are given in."""
