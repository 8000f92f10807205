"""Noisy networks (Fortunato et al. 2018): exploration by learned noise on the weights instead of random actions.

As dqn.py, but that both linear layers are noisy, the noise is drawn anew for every action and for every network of an
update, and no action is random. Evaluation plays the means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import (
    Convolutions,
    NoisyLinear,
    NoisyOutput,
    count_noise,
    fill_noisy,
    noise_by_layer,
)
from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import SCREEN_SIDE_PIXELS, action_values
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import NoisyDQNConfig

__all__ = ["Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Fortunato et al. 2018, Noisy Networks for Exploration, International Conference on Learning Representations"
Config = NoisyDQNConfig


class Network(nn.Module):
    """The network of dqn.py with noisy linear layers.

    Source: Fortunato et al. 2018, section 3.1: the fully connected layers of the value network.
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.hidden = NoisyLinear(self.convolutions.num_features, config.network.hidden_units, config.sigma_0)
        self.values = NoisyOutput(config.network.hidden_units, num_actions, config.sigma_0)

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from uint8 [batch, stack, 84, 84] and [noise of both layers]."""
        (hidden_noise,), (values_noise,) = noise_by_layer((self.hidden, self.values), (noise,))
        hidden = functional.relu(self.hidden(self.convolutions(pixels), hidden_noise))
        values: Tensor = self.values(hidden, values_noise)
        return values

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer without noise, float32 [batch, hidden_units], from pixels as in `forward`."""
        features = self.convolutions(pixels)
        return functional.relu(functional.linear(features, self.hidden.weight, self.hidden.bias))


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def initialise(network: nn.Module, stream: np.random.Generator, config: OffPolicyConfig) -> None:
    """Fill every parameter from the stream: noisy layers by a rule of their own, after the others."""
    dqn.initialise(network, stream, config)
    fill_noisy(network, stream)


def acting_draws_spec(config: Config, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return the noise of one pass, drawn anew for each action in training, zeros in evaluation.

    Source: Fortunato et al. 2018, section 3.1 ("re-sampled before every action"). That evaluation plays the means is
    google/dopamine's rule (dopamine/jax/networks.py:505-508); the article does not say.
    """
    return {"noise": DrawSpec("zeros" if evaluating else "normal", _noise_shape(config, num_actions), False)}


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the noise of the online network (epsilon) and of the target network (epsilon'), one for the whole batch.

    Source: Fortunato et al. 2018, section 3.1.
    """
    normal = DrawSpec("normal", _noise_shape(config, num_actions), per_transition=False)
    return {"noise_tm1": normal, "noise_target_t": normal}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the loss of dqn.py between networks with noise of their own.

    r + gamma max_b Q(y, b, epsilon'; zeta^-) - Q(x, a, epsilon; zeta), its gradient clipped to [-1, 1].

    Returns: `per_transition` and `priority` (the clipped absolute TD error), float32 [batch].
    Source: Fortunato et al. 2018, section 3.1.
    """

    def noisy_online(pixels: Tensor, *_: Tensor) -> Any:
        return online(pixels, draws["noise_tm1"])

    def noisy_target(pixels: Tensor, *_: Tensor) -> Any:
        return target(pixels, draws["noise_target_t"])

    q_tm1, y = dqn.values_and_targets(noisy_online, noisy_target, batch)
    return dqn.clipped_error_losses(q_tm1, batch.a_tm1, y)


def _noise_shape(config: Config, num_actions: int) -> tuple[int]:
    return (count_noise(network(config, num_actions)),)
