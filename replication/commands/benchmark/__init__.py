"""Measure what a step costs here, beside other programs."""
