"""Where ballots go on into the vote stream: the books that number them, and the shelf the books lie on."""
