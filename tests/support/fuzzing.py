"""How many inputs a fuzz test draws: all under the profile `long`, which is that of `make test-long`, else a fifth."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

PROFILES = {"replication": 100, "long": 500}
"""Inputs drawn by a test that does not say how many, under each profile; conftest.py registers them."""


def examples(most: int) -> settings:
    """Return settings by which a test draws `most` inputs under the profile `long`, and a fifth of them elsewhere."""
    drawn = most * settings.default.max_examples // PROFILES["long"]
    return settings(max_examples=drawn, suppress_health_check=list(HealthCheck))
