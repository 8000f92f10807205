"""Deep Q-network (Mnih et al. 2015): the file every other algorithm is read against.

| paper                              | here                                                  |
| ---------------------------------- | ----------------------------------------------------- |
| minibatch size                     | `batch_size`                                          |
| replay memory size                 | `replay_capacity_rows`                                |
| agent history length               | `frame_stack`                                         |
| target network update frequency    | `target_update_period_steps` (the code counts steps)  |
| discount factor                    | `discount`                                            |
| action repeat                      | `frame_skip` (protocol)                               |
| update frequency                   | `update_period_steps`                                 |
| gradient, squared gradient momentum | `optimizer.decay` (both)                             |
| min squared gradient               | `optimizer.epsilon`                                   |
| final exploration                  | `epsilon.end`                                         |
| replay start size                  | `replay_start`                                        |
| no-op max                          | `noops_after_game_over_frames` (protocol)             |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from replication.algorithms.networks import FILLS, Convolutions, Output, UninitialisedLinear
from replication.algorithms.off_policy.contract import Batch, DrawSpec, Forward, Losses
from replication.specification.families.off_policy import OffPolicyConfig
from replication.specification.families.off_policy_modules import DQNConfig

PAPER = "Mnih et al. 2015, Human-level control through deep reinforcement learning, Nature 518"
Config = DQNConfig

SCREEN_SIDE_PIXELS = 84


class Network(nn.Module):
    """Convolutions, one hidden layer, one value per action; ReLU after all but the last.

    Source: Mnih et al. 2015, Methods, "Model architecture"; google-deepmind/dqn dqn/convnet_atari3.lua.
    """

    def __init__(self, config: OffPolicyConfig, num_actions: int) -> None:
        """Lay out the layers, uninitialised."""
        super().__init__()
        self.convolutions = Convolutions(config.network, config.frame_stack, SCREEN_SIDE_PIXELS)
        self.hidden = UninitialisedLinear(self.convolutions.num_features, config.network.hidden_units)
        self.values = Output(config.network.hidden_units, num_actions)

    def forward(self, pixels: Tensor) -> Tensor:
        """Compute Q(s, .), float32 [batch, actions], from uint8 [batch, stack, 84, 84]."""
        values: Tensor = self.values(self.embed(pixels))
        return values

    def embed(self, pixels: Tensor) -> Tensor:
        """Compute the last hidden layer after its ReLU, float32 [batch, hidden_units], from pixels as in `forward`."""
        return functional.relu(self.hidden(self.convolutions(pixels)))


def network(config: OffPolicyConfig, num_actions: int) -> Network:
    """Build the network, uninitialised."""
    return Network(config, num_actions)


def initialise(network: nn.Module, stream: np.random.Generator, config: OffPolicyConfig) -> None:
    """Fill every parameter from the stream."""
    FILLS[config.network.initialisation](network, stream)


def action_values(outputs: Tensor, config: OffPolicyConfig) -> Tensor:
    """Return the outputs, which are the values."""
    return outputs


def acting_draws_spec(config: OffPolicyConfig, num_actions: int, *, evaluating: bool) -> Mapping[str, DrawSpec]:
    """Return no arrays: the network draws nothing."""
    return {}


def draws_spec(config: OffPolicyConfig, num_actions: int) -> Mapping[str, DrawSpec]:
    """Return no arrays: the loss of DQN draws nothing."""
    return {}


def loss(online: Forward, target: Forward, batch: Batch, draws: Mapping[str, Tensor], config: Config) -> Losses:
    """Compute a loss whose gradient is the TD error clipped to [-1, 1]: squared inside [-1, 1], absolute outside.

    With `error_loss: squared` it is squared everywhere, and not halved.

    Returns: `per_transition` and `priority` (the absolute TD error, clipped where the gradient is), float32 [batch].
    Source: Mnih et al. 2015, Methods, "Training algorithm"; google-deepmind/dqn dqn/NeuralQLearner.lua:180-237.
    Squared: google/dopamine 7ec9c15 dopamine/jax/agents/dqn/dqn_agent.py mse_loss.
    """
    q_tm1, y = values_and_targets(online, target, batch)
    losses = squared_error_losses if config.error_loss == "squared" else clipped_error_losses
    return losses(q_tm1, batch.a_tm1, y)


def values_and_targets(online: Forward, target: Forward, batch: Batch) -> tuple[Tensor, Tensor]:
    """Compute Q(s, .), [batch, actions], and r + gamma max_a Q_target(s', a) without gradient, [batch]; float32."""
    q_tm1 = online(batch.s_tm1)
    with torch.no_grad():
        q_target_t = target(batch.s_t)
        y = batch.r_t + batch.discount_t * q_target_t.max(dim=1).values
    return q_tm1, y


def squared_error_losses(q_tm1: Tensor, a_tm1: Tensor, y: Tensor) -> Losses:
    """Compute the squared error, not halved; the arguments are those of `clipped_error_losses`.

    Returns: `priority` is the absolute TD error.
    """
    q_a_tm1 = chosen(q_tm1, a_tm1)
    assert y.shape == q_a_tm1.shape == a_tm1.shape
    return Losses((q_a_tm1 - y) ** 2, (y - q_a_tm1.detach()).abs())


def clipped_error_losses(q_tm1: Tensor, a_tm1: Tensor, y: Tensor) -> Losses:
    """Compute half the squared error inside [-1, 1] and the absolute error less a half outside.

    Args:
        q_tm1: float32 [batch, actions].
        a_tm1: int64 [batch], the actions taken.
        y: float32 [batch], the targets, without gradient.
    """
    q_a_tm1 = chosen(q_tm1, a_tm1)
    assert y.shape == q_a_tm1.shape == a_tm1.shape
    per_transition = functional.huber_loss(q_a_tm1, y, reduction="none", delta=1.0)
    return Losses(per_transition, (y - q_a_tm1.detach()).abs().clamp(max=1.0))


def chosen(outputs: Tensor, actions: Tensor) -> Tensor:
    """Select the outputs of one action in each row: [batch, actions, ...] and int64 [batch] to [batch, ...].

    Adding the selected output to zeros gives the same bits as `gather`, whose gradient on a GPU is a sorted scatter
    in deterministic mode.
    """
    taken = actions[:, None] == torch.arange(outputs.shape[1], device=outputs.device)
    taken = taken.reshape(taken.shape + (1,) * (outputs.ndim - 2))
    return torch.where(taken, outputs, 0.0).sum(dim=1)
