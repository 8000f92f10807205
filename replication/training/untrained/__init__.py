"""Agents that do not train."""
