"""What came in whole: its check, its verdict, and who may see it."""
