"""The provinces' queue: studios to certify, entries to screen, and what was decided on them."""
