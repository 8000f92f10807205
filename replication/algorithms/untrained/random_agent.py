"""The random agent of Nature's Table 2: a uniformly random action of the minimal set, held for a fixed time.

At 10 Hz an action is drawn at every 6th emulator frame after the no-ops and held, a human's best reaction rate;
at 60 Hz at every frame. It learns nothing: its run is its final evaluation.
"""

from __future__ import annotations

from replication.specification.families.untrained import RandomAgentConfig

PAPER = "Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518"
Config = RandomAgentConfig
