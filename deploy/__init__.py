"""Everything that runs Zhumeng: the command line, the local stack, images. Nothing imports it."""
