"""Owns: entries that may be voted on, ballots, what people decide about them, tallies.
Hears: ProvinceApproved, HandInBallot and HandInBallots from channels, and its own VoteCast.
Tells: VoteCast, BallotsVoided, VotesRestored, TallyClosed."""
