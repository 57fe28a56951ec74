"""What is generated from the declared contracts, and which changes of them break."""
