"""The noise that an actor explores with."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from replication.specification.families.off_policy_continuous import GaussianNoise, OrnsteinUhlenbeckNoise


class Noise:
    """Noise on the actions of one run, step after step.

    Args:
        config: which noise.
        size: dimensions of an action.
        stream: it is drawn from.
    """

    def __init__(self, config: GaussianNoise | OrnsteinUhlenbeckNoise, size: int, stream: np.random.Generator) -> None:
        self._config = config
        self._stream = stream
        self.state: NDArray[np.float64] = np.zeros(size)
        """What is left of earlier steps; stays 0 where noise has no memory."""

    def begin_episode(self) -> None:
        """Forget the steps of the last episode."""
        self.state = np.zeros_like(self.state)

    def draw(self) -> NDArray[np.float64]:
        """Draw the noise of the next step, float64 [dimensions], in `noise_unit`.

        Source: Lillicrap et al. 2016, section 3 (Uhlenbeck and Ornstein 1930), in steps of Euler and Maruyama.
        """
        config, size = self._config, len(self.state)
        if isinstance(config, GaussianNoise):
            return config.deviation * self._stream.standard_normal(size)
        drawn = self._stream.standard_normal(size) if config.draws == "normal" else self._stream.random(size)
        self.state = self.state - config.theta * config.dt * self.state + config.sigma * math.sqrt(config.dt) * drawn
        return self.state
