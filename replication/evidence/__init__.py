"""What a run leaves, and how that is checked; without torch."""
