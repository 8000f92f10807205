"""The random agent of tasks that are no games: an action drawn uniformly among all there are, at every step.

It is the floor that scores of agents which learn are held against. It learns nothing: its run is its final evaluation.
"""

from __future__ import annotations

from replication.specification.families.untrained import UntrainedConfig

PAPER = "none: this project's own floor"
Config = UntrainedConfig
