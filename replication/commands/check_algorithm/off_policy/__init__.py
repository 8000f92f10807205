"""Checks of agents that learn action values from a replay memory."""
