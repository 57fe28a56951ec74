"""What a province's admin works from: lists, a spreadsheet, counts."""
