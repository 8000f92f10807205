"""The random agent of Nature's Table 2: a uniformly random action of the minimal set, held for a fixed time.

At 10 Hz an action is drawn at every 6th emulator frame after the no-ops and held, a human's best reaction rate;
at 60 Hz at every frame. It learns nothing: its run is its final evaluation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from replication.evaluation import Viewing
from replication.policies import Policy
from replication.settings import UntrainedConfig

PAPER = "Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518"

Config = UntrainedConfig


def policy(num_actions: int) -> Policy:
    """Uniform over all actions, whatever is on the screen."""

    def choose_action(stack: NDArray[np.uint8], stream: np.random.Generator) -> int:
        return int(stream.integers(num_actions))

    return choose_action


def viewing(config: UntrainedConfig) -> Viewing:
    """It sees nothing, and holds an action for its own number of frames."""
    return Viewing("none", 1, config.action_period_frames)
