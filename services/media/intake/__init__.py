"""From a ticket, taken before any byte moves, to material that lies whole in the store."""
