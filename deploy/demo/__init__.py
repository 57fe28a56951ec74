"""The demo: one campaign run end to end by people who do not exist, and a ledger of it held against every store."""
