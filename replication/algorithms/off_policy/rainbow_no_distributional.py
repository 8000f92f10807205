"""Rainbow without distributions (Hessel et al. 2018, Figure 3): dueling, double and noisy, with expected values.

As rainbow.py, but that each stream gives one number instead of logits of atoms, and that the loss is double DQN's. The
article's other ablations are settings of rainbow.py.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import Convolutions, NoisyLinear, NoisyOutput, count_noise, noise_by_layer
from replication.algorithms.off_policy import dqn
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.algorithms.off_policy.dqn import SCREEN_SIDE_PIXELS, action_values
from replication.algorithms.off_policy.dueling import dueling_values
from replication.algorithms.off_policy.noisy_dqn import Config, initialise

__all__ = ["Config", "acting_draws_spec", "action_values", "draws_spec", "initialise", "loss", "network"]

PAPER = "Hessel et al. 2018, Rainbow: Combining Improvements in Deep Reinforcement Learning, AAAI"


class Network(nn.Module):
    """Convolutions, then two noisy streams of one hidden layer each: the value, and the advantages.

    Source: Hessel et al. 2018, "The Integrated Agent", with one output in place of the atoms.
    """

    def __init__(self, config: Config, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        units, sigma_0 = config.network.hidden_units, config.sigma_0
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.advantage_hidden = NoisyLinear(self.convolutions.num_features, units, sigma_0)
        self.advantages = NoisyOutput(units, num_actions, sigma_0)
        self.value = NoisyOutput(units, 1, sigma_0)
        self.value_hidden = NoisyLinear(self.convolutions.num_features, units, sigma_0)

    def forward(self, pixels: Tensor, noise: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from uint8 [batch, stack, 84, 84] and [noise of all layers]."""
        layers = (self.advantage_hidden, self.advantages, self.value, self.value_hidden)
        (hidden_a,), (out_a,), (out_v,), (hidden_v,) = noise_by_layer(layers, (noise,))
        features = self.convolutions(pixels)
        advantages = self.advantages(functional.relu(self.advantage_hidden(features, hidden_a)), out_a)
        value = self.value(functional.relu(self.value_hidden(features, hidden_v)), out_v)
        return dueling_values(value, advantages)

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute hidden layers without noise, advantages' first: [batch, units], from pixels as in `forward`."""
        features = self.convolutions(pixels)
        layers = (self.advantage_hidden, self.value_hidden)
        hidden = [functional.linear(features, layer.weight, layer.bias) for layer in layers]
        return functional.relu(torch.cat(hidden, dim=1))


def network(config: Config, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def acting_draws_spec(config: Config, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return the noise of one pass, anew for each action in training, zeros in evaluation, as in rainbow.py."""
    return {"noise": DrawSpec("zeros" if evaluating else "normal", _noise_shape(config, num_actions), False)}


def draws_spec(config: Config, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return the noise of each pass, one for the whole batch: online at s and s', target at s', as in rainbow.py."""
    normal = DrawSpec("normal", _noise_shape(config, num_actions), per_transition=False)
    return {"noise_tm1": normal, "noise_t": normal, "noise_target_t": normal}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute DQN's loss towards r + gamma^n Q(s', argmax_a Q(s', a; theta); theta-), each pass with its own noise.

    Returns: `per_transition` and `priority` (the clipped absolute TD error), float32 [batch].
    Source: Hessel et al. 2018, "The Integrated Agent": distributional variants alone are prioritised by the loss.
    """
    q_tm1 = online(batch.s_tm1, draws["noise_tm1"])
    with torch.no_grad():
        a_t = online(batch.s_t, draws["noise_t"]).argmax(dim=1)
        q_target_t = target(batch.s_t, draws["noise_target_t"])
        y = batch.r_t + batch.discount_t * dqn.chosen(q_target_t, a_t)
    return dqn.clipped_error_losses(q_tm1, batch.a_tm1, y)


def _noise_shape(config: Config, num_actions: int) -> tuple[int]:
    return (count_noise(network(config, num_actions)),)
