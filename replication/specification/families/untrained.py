"""Settings of the untrained family: agents that do not train."""

from __future__ import annotations

from replication.foundation.validation import Count, Settings


class UntrainedConfig(Settings):
    """An agent that learns nothing."""

    action_period_frames: Count
    """Emulator frames an action is held for."""
