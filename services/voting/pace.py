"""How fast a channel may hand in: a token bucket, its time passed in."""

EPSILON = 1e-3
"""What arithmetic may lose of a ballot: whoever waited as long as told is let through."""


class Bucket:
    """Holds at most `most` ballots' worth and fills by `per_s` a second; full to begin with."""

    def __init__(self, per_s: float, most: float, now_s: float) -> None:
        self.per_s, self.most, self.left = per_s, most, most
        self._filled_at = now_s

    def take(self, ballots: int, now_s: float) -> float:
        """Take so much and give 0; where there is less, take nothing and give the seconds until there is enough."""
        self.left = min(self.most, self.left + (now_s - self._filled_at) * self.per_s)
        self._filled_at = now_s
        if self.left + EPSILON < ballots:
            return (ballots - self.left) / self.per_s
        self.left -= ballots
        return 0.0
