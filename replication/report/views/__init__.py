"""Screens and clips of evaluations."""
