"""What a channel learns of its own ballots and voters, and of no other's."""
