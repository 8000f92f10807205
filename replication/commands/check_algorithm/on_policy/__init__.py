"""Checks of agents that learn from what their policy has just done."""
