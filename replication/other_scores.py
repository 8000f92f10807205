"""Scores of others beside ours."""

MARKS = ("(imported)", "(judged here)")
