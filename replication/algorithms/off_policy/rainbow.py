"""Rainbow (Hessel et al. 2018): double, dueling, distributional and noisy at once, on prioritised n-step transitions.

As dqn.py, but for the network, what it draws, and a loss between distributions; n-step rewards and prioritised
sampling belong to the replay memory. Its parts are settings, so that the agents made of fewer of them (Dopamine's
Rainbow, data-efficient and overtrained Rainbow, the article's ablations) are configurations.

| paper                               | here                                               |
| ----------------------------------- | -------------------------------------------------- |
| number of atoms, min and max values | `num_atoms`, `value_min`, `value_max`                 |
| noisy nets sigma_0                  | `sigma_0`, `noisy_bias_scale`                      |
| multi-step returns n                | `n_step`                                           |
| prioritization type, exponent omega | `replay_sampling.name`, `replay_sampling.exponent` |
| importance sampling beta            | `replay_sampling.importance_exponent_start`, `_end` |
| min history to start learning       | `replay_start` (the code counts steps)             |
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import (
    Convolutions,
    NoisyLinear,
    NoisyOutput,
    Output,
    UninitialisedLinear,
    count_noise,
    fill_noisy,
    noise_by_layer,
)
from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.c51 import action_values, expected_error, projected, support
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import SCREEN_SIDE_PIXELS, chosen
from replication.specification.families.off_policy_modules import RainbowConfig

__all__ = ["Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Hessel et al. 2018, Rainbow: Combining Improvements in Deep Reinforcement Learning, AAAI"
Config = RainbowConfig


class Network(nn.Module):
    """Convolutions, then linear layers to `num_atoms` logits per action; dueling and noisy if asked for.

    Source: Hessel et al. 2018, "The Integrated Agent"; google-deepmind/dqn_zoo 45061f4 dqn_zoo/networks.py:224-264.
    With one hidden layer for both, and without dueling: google/dopamine 5873f54 dopamine/jax/networks.py:545-607.
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.num_actions, self.num_atoms = num_actions, config.num_atoms
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        features, units = self.convolutions.num_features, config.network.hidden_units
        self.advantage_hidden = _hidden(features, units, config)
        self.advantages = _output(units, num_actions * self.num_atoms, config)
        self.value = None if config.dueling == "none" else _output(units, self.num_atoms, config)
        self.value_hidden = _hidden(features, units, config) if config.dueling == "own_hidden_layers" else None

    def forward(self, pixels: Tensor, *draws: Tensor) -> Tensor:
        """Compute logits, float32 [batch, actions, atoms]; with dueling v + a - mean of a over actions, for each atom.

        Args:
            pixels: uint8 [batch, stack, 84, 84].
            draws: where layers are noisy, the noise, [noise of all layers].
        """
        layers = self._linear_layers()
        noise = dict(zip(layers, noise_by_layer(list(layers.values()), draws), strict=True))
        features = self.convolutions(pixels)
        hidden = functional.relu(self.advantage_hidden(features, *noise["advantage_hidden"]))
        advantages: Tensor = self.advantages(hidden, *noise["advantages"])
        advantages = advantages.unflatten(1, (self.num_actions, self.num_atoms))
        if self.value is None:
            return advantages
        if self.value_hidden is not None:
            hidden = functional.relu(self.value_hidden(features, *noise["value_hidden"]))
        value: Tensor = self.value(hidden, *noise["value"])
        return value[:, None, :] + advantages - advantages.mean(dim=1, keepdim=True)

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute hidden layers without noise, advantages' first: [batch, units], from pixels as in `forward`."""
        features = self.convolutions(pixels)
        layers = [layer for layer in (self.advantage_hidden, self.value_hidden) if layer is not None]
        hidden = [functional.linear(features, layer.weight, layer.bias) for layer in layers]
        return functional.relu(torch.cat(hidden, dim=1))

    def _linear_layers(self) -> dict[str, NoisyLinear | nn.Linear]:
        """Return the linear layers by name, in the order in which they take their noise."""
        named = ("advantage_hidden", "advantages", "value", "value_hidden")
        return {name: getattr(self, name) for name in named if getattr(self, name) is not None}


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def initialise(network: nn.Module, stream: np.random.Generator, config: Config) -> None:
    """Fill every parameter from the stream: noisy layers by a rule of their own, after the others."""
    dqn.initialise(network, stream, config)
    fill_noisy(network, stream, config.noisy_bias_scale)


def acting_draws_spec(config: Config, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return the noise of one pass, anew for each action in training, zeros in evaluation; none without noisy layers.

    Source: as in noisy_dqn.py.
    """
    return _noise(config, num_actions, ("noise",), "zeros" if evaluating else "normal")


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the noise of each pass, one for the whole batch: online network at s and s', target network at s'.

    Source: Fortunato et al. 2018, section 3.1; google-deepmind/dqn_zoo 45061f4 dqn_zoo/rainbow/agent.py:87-98.
    """
    return _noise(config, num_actions, ("noise_tm1", "noise_t", "noise_target_t"), "normal")


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute the cross-entropy of the projected target distribution and that of the action taken.

    Its gradient is that of the KL divergence, by which the article's transitions are prioritised; the article's own
    reimplementations store the cross-entropy (google-deepmind/dqn_zoo dqn_zoo/rainbow/agent.py:194), as is done here.

    Returns: `per_transition` and `priority`, both the cross-entropy, float32 [batch].
    Source: Hessel et al. 2018, "The Integrated Agent"; Bellemare et al. 2017, equation 7.
    """

    def noise(name: str) -> Sequence[Tensor]:
        return (draws[name],) if config.sigma_0 is not None else ()

    log_p_a_tm1 = functional.log_softmax(chosen(online(batch.s_tm1, *noise("noise_tm1")), batch.a_tm1), dim=1)
    with torch.no_grad():
        logits_target_t = target(batch.s_t, *noise("noise_target_t"))
        chooser = online(batch.s_t, *noise("noise_t")) if config.double else logits_target_t
        p_t = chosen(logits_target_t, action_values(chooser, config).argmax(dim=1)).softmax(dim=1)
        atoms_t = batch.r_t[:, None] + batch.discount_t[:, None] * support(config, p_t)
        m = projected(p_t, atoms_t, config)
    assert m.shape == log_p_a_tm1.shape == (*batch.a_tm1.shape, config.num_atoms)
    per_transition = -(m * log_p_a_tm1).sum(dim=1)
    return Losses(per_transition, per_transition.detach(), expected_error(log_p_a_tm1, p_t, batch, config))


def _noise(
    config: Config, num_actions: int, names: Sequence[str], distribution: Literal["normal", "zeros"]
) -> Mapping[str, DrawSpec]:
    """Return an array of noise for each name, [noise of all layers]; none where no layer is noisy."""
    if config.sigma_0 is None:
        return {}
    shape = (count_noise(network(config, num_actions)),)
    return {name: DrawSpec(distribution, shape, per_transition=False) for name in names}


def _hidden(inputs: int, outputs: int, config: Config) -> NoisyLinear | nn.Linear:
    sigma_0 = config.sigma_0
    return UninitialisedLinear(inputs, outputs) if sigma_0 is None else NoisyLinear(inputs, outputs, sigma_0)


def _output(inputs: int, outputs: int, config: Config) -> NoisyLinear | nn.Linear:
    sigma_0 = config.sigma_0
    return Output(inputs, outputs) if sigma_0 is None else NoisyOutput(inputs, outputs, sigma_0)
