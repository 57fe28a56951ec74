"""Owns: entries that may be voted on, ballots, tallies.
Hears: ProvinceApproved, HandInBallot from channels, and its own VoteCast.
Tells: VoteCast, TallyClosed."""
