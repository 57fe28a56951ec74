"""Owns certification and screening decisions, scores and results.
Hears StudioRegistered, EntrySubmitted, MediaValidated, TallyClosed.
Tells ProvinceApproved, ProvinceReturned, ScoreGiven, AwardGranted, ResultsPublished."""
