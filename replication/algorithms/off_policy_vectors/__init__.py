"""Losses of values of actions on vectors of numbers: those of the off-policy family."""
