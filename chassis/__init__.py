"""What every service needs and no service owns: one file for each concern."""
