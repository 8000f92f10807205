"""What is asked for: tasks, settings, protocols, variants, runs, experiments; without numpy and torch."""
