"""Receipts for tickets, which anyone can verify with the published key."""

from dataclasses import dataclass
from typing import Final

from chassis.signing import SigningKey
from services.media.intake.models import Ticket

TYPE: Final = "zhumeng-receipt+jws"
"""Sets a receipt apart from a token one can sign in with."""
PROMISED: Final = {
    *("entry", "slot", "studio", "campaign", "revision"),
    *("name", "size", "sha256", "taken_at", "deadline", "drain_until"),
}


@dataclass(frozen=True)
class Receipts:
    """Signs what a ticket promises, with the server's time."""

    key: SigningKey

    def sign(self, ticket: Ticket) -> str:
        """The receipt: what was promised to whom, for which bytes, and when, by the server's clock."""
        said = ticket.model_dump(mode="json", include=PROMISED)
        issued = {"iss": "zhumeng/media", "ticket": ticket.id, "iat": int(ticket.taken_at.timestamp())}
        return self.key.sign({**issued, **said}, TYPE)
