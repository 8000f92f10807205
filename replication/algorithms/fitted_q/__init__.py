"""Algorithms that fit Q to a fixed set of transitions."""
