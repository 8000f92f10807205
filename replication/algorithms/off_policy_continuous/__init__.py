"""Agents with an actor of continuous actions and critics, an algorithm a file."""
