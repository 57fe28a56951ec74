"""What experts score, what is awarded, and the results, published once."""
