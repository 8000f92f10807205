"""Dueling double DQN (Wang et al. 2016): double_dqn.py with a stream for the state's value and one for advantages.

| paper                                          | here                                               |
| ---------------------------------------------- | -------------------------------------------------- |
| units of each stream                           | `network.hidden_units`                             |
| gradient entering the last convolution, scaled | `scaled_gradient`, always by 1 / sqrt(2)           |
| gradient norm clipped                          | `gradient_norm_clip`                               |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import Convolutions, Output, UninitialisedLinear
from replication.algorithms.off_policy.double_dqn import loss
from replication.algorithms.off_policy.dqn import (
    SCREEN_SIDE_PIXELS,
    acting_draws_spec,
    action_values,
    draws_spec,
    initialise,
)
from replication.specification.families.off_policy import OffPolicyConfig

__all__ = ["PAPER", "Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Wang et al. 2016, Dueling network architectures for deep reinforcement learning, ICML"

Config = OffPolicyConfig


class Network(nn.Module):
    """The convolutions of DQN, then two streams of one hidden layer each: the value, and the advantages.

    Source: Wang et al. 2016, section 4.2 (streams of 512 units; the gradient's scale).
    """

    def __init__(self, config: OffPolicyConfig, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        units = config.network.hidden_units
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.value_hidden = UninitialisedLinear(self.convolutions.num_features, units)
        self.value = Output(units, 1)
        self.advantage_hidden = UninitialisedLinear(self.convolutions.num_features, units)
        self.advantages = Output(units, num_actions)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from uint8 [batch, stack, 84, 84]."""
        value_hidden, advantage_hidden = self._streams(pixels)
        return dueling_values(self.value(value_hidden), self.advantages(advantage_hidden))

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute both hidden layers after ReLU, float32 [batch, 2 x hidden_units], from pixels as in `forward`."""
        return torch.cat(self._streams(pixels), dim=1)

    def _streams(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        # Two streams send gradients back where DQN has one.
        features = scaled_gradient(self.convolutions(pixels), 1.0 / math.sqrt(2.0))
        return functional.relu(self.value_hidden(features)), functional.relu(self.advantage_hidden(features))


def dueling_values(value: Tensor, advantages: Tensor) -> Tensor:
    """Compute Q(s, a) = V(s) + A(s, a) - mean over a' of A(s, a'): equation 9.

    Args:
        value: float32 [batch, 1].
        advantages: float32 [batch, actions].
    """
    return value + (advantages - advantages.mean(dim=1, keepdim=True))


def scaled_gradient(x: Tensor, scale: float) -> Tensor:
    """Return `x` with its gradient multiplied by `scale`, which is at least a half.

    Its numbers stay the same bit for bit: a difference of two floats within a factor of 2 of each other is exact.
    """
    part = scale * x
    return part + (x - part).detach()


def network(config: OffPolicyConfig, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)
