"""What the review process is told by its environment."""

from chassis.settings import ServiceSettings


class Settings(ServiceSettings):
    """Review needs what every process needs."""
