"""Where a person decides on ballots: held ones count or are voided, votes are voided, what was voided counts again."""
