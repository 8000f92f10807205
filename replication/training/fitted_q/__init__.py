"""Training on a fixed set of transitions."""
