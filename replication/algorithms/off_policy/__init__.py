"""Algorithms that learn from a replay memory."""
