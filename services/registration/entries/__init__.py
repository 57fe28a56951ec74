"""Entries of certified studios, up to their submission, and again when they come back."""
