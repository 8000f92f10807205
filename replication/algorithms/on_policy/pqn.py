"""PQN (Gallici et al. 2024): Q(lambda) over the rollouts of many actors, by a normalized network without a target.

| program (mttga/purejaxql, pqn_atari) | here                                                             |
| ------------------------------------ | ---------------------------------------------------------------- |
| NUM_STEPS, NUM_ENVS                  | `rollout_steps`, `num_actors`                                    |
| NUM_EPOCHS, NUM_MINIBATCHES          | `epochs`, `minibatches`: parts of a rollout                      |
| GAMMA, LAMBDA                        | `discount`, `q_lambda`                                           |
| EPS_START, EPS_FINISH, EPS_DECAY     | `exploration`: start, end, and the frames at which it ends       |
| NORM_TYPE                            | `network.layer_normalization`                                    |
| LR, LR_LINEAR_DECAY, MAX_GRAD_NORM   | `optimizer`, `learning_rate_schedule`, `max_gradient_norm`       |
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from replication.algorithms.action_value_networks import ActionValueNetwork, ActionValues, fill_normalized
from replication.algorithms.on_policy.contract import Minibatch, Rollout, Targets
from replication.algorithms.policy_networks import Spaces, of_actions
from replication.specification.families.on_policy_modules import PQNConfig

PAPER = "Gallici et al. 2024, Simplifying Deep Temporal Difference Learning, arXiv 2407.04811"
Config = PQNConfig


def network(config: PQNConfig, spaces: Spaces) -> ActionValueNetwork:
    """Build the network, uninitialised: the values of all actions."""
    return ActionValueNetwork(config, spaces)


def initialise(network: ActionValueNetwork, stream: np.random.Generator, config: PQNConfig) -> None:
    """Fill every parameter from the stream."""
    fill_normalized(network, stream, config)


def act(outputs: ActionValues, draws: Tensor) -> Tensor:
    """Choose the actions of the largest values, int64 [batch], whatever is drawn: exploration is the engine's."""
    return outputs.action_values.argmax(dim=1)


def state_values(outputs: ActionValues, config: PQNConfig) -> Tensor:
    """Return max_a Q(s, a), float32 [batch]."""
    return outputs.action_values.amax(dim=-1)


def targets(rollout: Rollout, config: PQNConfig) -> Targets:
    """Compute the returns of Q(lambda), and by how much they exceed the largest value of the state.

    R_t = r_t + gamma (lambda R_{t+1} + (1 - lambda) max_a Q(s_{t+1}, a)); where the trajectory or the rollout ends with
    the step, R_t = r_t + gamma max_a Q(s_{t+1}, a), the latter 0 where nothing can follow.

    Source: vwxyzjn/cleanrl fe8d8a0 cleanrl/pqn_atari_envpool.py:247-261;
    mttga/purejaxql 47af6d7 purejaxql/pqn_atari.py:280-331.
    """
    returns = torch.empty_like(rollout.rewards)
    later = rollout.next_values[-1]
    for t in reversed(range(len(returns))):
        later = torch.where(rollout.cut[t], rollout.next_values[t], later)
        mixed = config.q_lambda * later + (1.0 - config.q_lambda) * rollout.next_values[t]
        later = rollout.rewards[t] + config.discount * mixed
        returns[t] = later
    return Targets(returns - rollout.values, returns)


def loss(outputs: ActionValues, batch: Minibatch, config: PQNConfig) -> Tensor:
    """Compute the mean of c (Q(s, a) - R)^2.

    Source: mttga/purejaxql 47af6d7 purejaxql/pqn_atari.py (c = 0.5); vwxyzjn/cleanrl fe8d8a0
    cleanrl/pqn_atari_envpool.py:277 (c = 1).
    """
    errors = of_actions(outputs.action_values, batch.actions) - batch.returns
    return config.error_coefficient * errors.square().mean()
