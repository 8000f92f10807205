"""What is known of the observations and returns of a run, and by which they are normalized: part of what is learned."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from replication.algorithms.on_policy.contract import Targets
from replication.algorithms.policy_networks import Spaces
from replication.algorithms.running_moments import Moments, combined, first_moments
from replication.specification.families.on_policy import OnPolicyConfig

_PARTS = ("mean", "variance", "count")


class RunningMoments:
    """Mean and variance that live as long as training does, kept in tensors of float64.

    Args: `shape` is that of one of the things whose moments they are.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        first = first_moments(shape)
        self._tensors = {name: torch.tensor(getattr(first, name), dtype=torch.float64) for name in _PARTS}

    @property
    def now(self) -> Moments:
        """What they are now."""
        mean, variance, count = (self._tensors[name] for name in _PARTS)
        return Moments(mean.numpy(), variance.numpy(), count.item())

    def add(self, batch: NDArray[np.floating]) -> None:
        """Add a batch, [count, ...]."""
        moments = combined(self.now, batch)
        for name in _PARTS:
            self._tensors[name].copy_(torch.as_tensor(getattr(moments, name)))

    def tensors(self) -> dict[str, Tensor]:
        """Return mean, variance and count by name; they are filled in place when a run is resumed."""
        return self._tensors


class Normalization:
    """Observations and returns of one run, each where its settings ask for it.

    Args:
        config: the settings.
        spaces: what the policy sees.
    """

    def __init__(self, config: OnPolicyConfig, spaces: Spaces) -> None:
        self._of_observations, self._of_returns = config.observation_normalization, config.return_normalization
        self._observations = RunningMoments((spaces.observation_size or 0,)) if self._of_observations else None
        self._returns = RunningMoments(()) if self._of_returns else None

    @property
    def stores_normalized(self) -> bool:
        """True where observations are learned from as they were normalized when they were seen."""
        return self._of_observations is not None and self._of_observations.updated == "each_step"

    def see(self, observations: NDArray[np.float32]) -> None:
        """Add observations, [count, numbers], to their moments, where they enter as soon as they are seen."""
        if self._observations is not None and self.stores_normalized:
            self._observations.add(observations)

    def see_rollout(self, states: Tensor) -> None:
        """Add the observations of a rollout, [steps, actors, numbers], where they enter at its end."""
        if self._observations is not None and not self.stores_normalized:
            self._observations.add(states.flatten(0, 1).numpy())

    def observations(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalize observations, float32 [..., numbers]: (o - mean) / sqrt(variance + epsilon), cut.

        Source: thu-ml/tianshou 47c77899 tianshou/env/venvs.py:288-296.
        """
        if self._observations is None or self._of_observations is None:
            return observations
        moments = self._observations.now
        scaled = (observations - moments.mean) / np.sqrt(moments.variance + self._of_observations.epsilon)
        largest = self._of_observations.largest
        return np.clip(scaled, -largest, largest).astype(np.float32)

    def unit_of_returns(self) -> tuple[float, float]:
        """Return mean and deviation that returns are normalized by: (0, 1) where they are learned as they are."""
        if self._returns is None or self._of_returns is None:
            return 0.0, 1.0
        moments = self._returns.now
        deviation = float(np.sqrt(moments.variance + self._of_returns.epsilon))
        return (float(moments.mean) if self._of_returns.subtracts_mean else 0.0), deviation

    def raw_values(self, values: Tensor) -> Tensor:
        """Bring learned values into the unit of the rewards: mean + deviation x value."""
        if self._returns is None:
            return values
        mean, deviation = self.unit_of_returns()
        return mean + deviation * values

    def learned_values(self, values: Tensor) -> Tensor:
        """Bring values of the unit of the rewards into that in which they are learned: (value - mean) / deviation."""
        if self._returns is None:
            return values
        mean, deviation = self.unit_of_returns()
        return (values - mean) / deviation

    def targets(self, targets: Targets) -> Targets:
        """Normalize what a rollout teaches, and add its returns to the moments that the next one is normalized by.

        Where the mean is subtracted, the advantages are in the unit of the returns too; else they stay as they are.

        Source: thu-ml/tianshou 47c77899 tianshou/policy/modelfree/pg.py:70-76; thu-ml/tianshou 1730a900
        tianshou/policy/modelfree/a2c.py:87-104.
        """
        if self._returns is None or self._of_returns is None:
            return targets
        (mean, deviation), (advantages, returns) = self.unit_of_returns(), targets
        self._returns.add(returns.numpy().reshape(-1))
        scaled = advantages / deviation if self._of_returns.subtracts_mean else advantages
        return Targets(scaled, (returns - mean) / deviation)

    def tensors(self) -> dict[str, Tensor]:
        """Return all moments by name."""
        named = {"observations": self._observations, "returns": self._returns}
        return {
            f"{name}.{part}": tensor
            for name, moments in named.items()
            if moments is not None
            for part, tensor in moments.tensors().items()
        }
