"""Accounts, and the tokens they sign in for."""
