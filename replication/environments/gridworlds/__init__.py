"""Worlds of a few cells."""
