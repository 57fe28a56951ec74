"""What is answered to a channel."""

from services.voting.models import Record


class Active(Record):
    """A voter by how many votes count, known by the first of them: only the channel that handed that in knows whose it
    is."""

    votes: int
    ballot: str
    nonce: str | None
