"""Training on tables of action values."""
