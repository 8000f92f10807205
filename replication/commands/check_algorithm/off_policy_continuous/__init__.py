"""Checks of agents with an actor of continuous actions and critics."""
