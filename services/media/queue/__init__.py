"""The work that waits for a media worker, taken in turn by province and studio."""
