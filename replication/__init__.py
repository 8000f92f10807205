"""Published deep reinforcement learning results, replicated: every score comes with the actions that prove it."""

__version__ = "0.1.0"
