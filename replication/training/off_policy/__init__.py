"""Training from a replay memory."""
